"""Whole workers on a real database with real children and real audio; then things are killed."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sfa.db import Database
from tests.jobs.studio import Studio


def tone(seconds: float, rate: int = 44100, channels: int = 2) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        t = np.arange(int(seconds * rate)) / rate
        # A pulse twice a second over a chord: something to find a tempo and a key in.
        chord = sum(np.sin(2 * np.pi * f * t) for f in (220.0, 277.18, 329.63)) / 6
        pulse = (np.mod(t, 0.5) < 0.02) * 0.5 * np.sin(2 * np.pi * 100 * t)
        soundfile.write(path, np.repeat((chord + pulse)[:, None], channels, axis=1), rate)

    return write


async def test_one_insert_becomes_stems_and_an_analysis(studio: Studio) -> None:
    track = await studio.track("song.wav", tone(6))
    async with studio.worker("processing"), studio.worker("analysis"):
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
        )
        job = await studio.ended(track, "processing")
        assert (job["status"], job["error"], job["progress"]) == ("completed", None, 100)
        analysis = await studio.ended(track, "analysis")  # nobody asked for it: it follows
        assert (analysis["status"], analysis["error"]) == ("completed", None)
    stems = await (
        await studio.db.execute("SELECT * FROM stems WHERE track_id = %s", [track])
    ).fetchall()
    assert {stem["stem_type"] for stem in stems} == {"vocals", "drums", "bass", "other"}
    store = Path(studio.config.store_address)
    mix, rate = soundfile.read(store / "audio/song.wav")
    total = sum(soundfile.read(store / stem["audio_key"])[0] for stem in stems)
    assert rate == stems[0]["sample_rate"]
    assert (
        20 * np.log10(np.sqrt(np.mean((mix - total) ** 2)) / np.sqrt(np.mean(mix**2)) + 1e-12) < -60
    )
    result = await studio.one("SELECT * FROM analysis_results WHERE track_id = %s", track)
    assert result["duration_ms"] == pytest.approx(6000, abs=2)
    assert result["tempo"] == pytest.approx(120, abs=0.5)
    assert result["key"] == "A major"
    assert not list((store / ".scratch").iterdir())
    said = await studio.one(
        "SELECT words FROM job_logs l JOIN processing_jobs j ON j.queue_job_id = l.job_id WHERE j.track_id = %s",
        track,
    )
    assert "separating" in said["words"], "its page shows what a job says"


BAD = [
    ("song.mp3", lambda path: path.write_text("this is no music\n" * 100), "failed"),
    ("empty.wav", lambda path: path.write_bytes(b""), "failed"),
    ("silent.wav", lambda path: soundfile.write(path, np.zeros((44100, 2)), 44100), "completed"),
    ("short.wav", tone(0.2), "completed"),
    ("phone.wav", tone(3, 8000, 1), "completed"),
    ("surround.wav", tone(3, 48000, 6), "completed"),
]


async def test_hard_input_has_a_sane_result_or_a_clear_error(studio: Studio) -> None:
    async with studio.worker("processing"), studio.worker("analysis"):
        for name, write, expected in BAD:
            track = await studio.track(name, write)
            await studio.db.execute(
                "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
            )
            await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
            for kind in ("processing", "analysis"):
                job = await studio.ended(track, kind)
                assert job["status"] == expected, (name, kind, job["error"])
                if expected == "failed":
                    assert job["error_kind"] == "input"
                    assert job["attempt"] == 1
                    assert str(studio.config.var) not in job["error"]
                    assert name in job["error"]
    silent = await studio.one(
        "SELECT r.* FROM analysis_results r JOIN tracks t ON t.id = r.track_id WHERE t.title = 'silent.wav'"
    )
    assert (silent["tempo"], silent["key"], silent["energy"]) == (None, None, 0)


async def test_a_track_whose_file_is_gone_fails_with_a_reason(studio: Studio) -> None:
    track = await studio.track("song.wav", tone(1))
    shutil.rmtree(Path(studio.config.store_address) / "audio")
    async with studio.worker("analysis"):
        await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
        job = await studio.ended(track, "analysis")
    assert job["status"] == "failed"
    assert "audio/song.wav" in job["error"]


async def test_a_demucs_job_without_weights_says_what_to_do(studio: Studio) -> None:
    offline = dataclasses.replace(studio.config, weights_url="http://127.0.0.1:9")
    track = await studio.track("song.wav", tone(1))
    studio.config = offline
    async with studio.worker("processing"):
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'htdemucs')", [track]
        )
        job = await studio.ended(track, "processing")
    assert job["status"] == "failed"
    assert "the weights of htdemucs cannot be fetched" in job["error"]
    assert 'choose the model "spectral"' in job["error"]


async def started(studio: Studio, track: str) -> int:
    """The process number of the child that works on the track's separation, once it has begun."""
    await studio.until(
        "SELECT * FROM sfa_jobs WHERE track_id = %s AND kind = 'processing'", track,
        expect=lambda row: row["status"] == "running" and row["progress"] > 0,
    )  # fmt: skip
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and b"demucs_runner" in (entry / "cmdline").read_bytes():
                status = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                if int(status[1]) == _parent and status[0] != "Z":
                    return int(entry.name)
    raise AssertionError("no child is at work")


_parent = os.getpid()


async def test_a_killed_child_costs_a_crash_and_the_job_completes(studio: Studio) -> None:
    track = await studio.track("long.wav", tone(90))
    async with studio.worker("processing"):
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
        )
        os.kill(await started(studio, track), signal.SIGKILL)
        job = await studio.ended(track, "processing")
    assert job["status"] == "completed"
    attempts = await (
        await studio.db.execute(
            "SELECT verdict, error_kind, certificate FROM sfa_attempts ORDER BY id"
        )
    ).fetchall()
    assert [attempt["verdict"] for attempt in attempts] == ["lost", "completed"]
    assert attempts[0]["certificate"]["signal"] == "SIGKILL"
    assert (await studio.one("SELECT count(*) FROM stems"))["count"] == 4


async def test_cancel_ends_the_child_and_leaves_no_stems(studio: Studio) -> None:
    track = await studio.track("long.wav", tone(240))
    async with studio.worker("processing"):
        job = await studio.one(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral') RETURNING id",
            track,
        )
        await started(studio, track)
        await studio.db.execute("SELECT sfa_cancel(%s::uuid)", [job["id"]])
        ended = await studio.ended(track, "processing")
        assert ended["status"] == "cancelled"
    assert (await studio.one("SELECT count(*) FROM stems"))["count"] == 0
    assert not list((Path(studio.config.store_address) / ".scratch").iterdir())


async def test_a_shutdown_gives_the_job_back_unharmed(studio: Studio) -> None:
    track = await studio.track("long.wav", tone(240))
    async with studio.worker("processing"):
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
        )
        pid = await started(studio, track)
    row = await studio.one("SELECT status, attempt, error FROM sfa_jobs WHERE kind = 'processing'")
    assert row == {"status": "waiting", "attempt": 0, "error": None}
    assert not Path(f"/proc/{pid}").exists()
    assert (await studio.one("SELECT count(*) FROM workers"))["count"] == 0


async def test_running_a_job_twice_has_the_effect_of_one(studio: Studio) -> None:
    track = await studio.track("song.wav", tone(3))
    async with studio.worker("processing"):
        job = await studio.one(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral') RETURNING id, queue_job_id",
            track,
        )
        await studio.ended(track, "processing")
        before = await (
            await studio.db.execute("SELECT stem_type, sha256, audio_key FROM stems ORDER BY 1")
        ).fetchall()
        # As if the worker had died right after the commit and somebody had sent the job again.
        await studio.db.execute(
            "UPDATE procrastinate_jobs SET status = 'todo', attempts = 0 WHERE id = %s",
            [job["queue_job_id"]],
        )
        await studio.until(
            "SELECT count(*) FROM attempts WHERE verdict = 'completed'",
            expect=lambda row: row["count"] == 2,
        )
    after = await (
        await studio.db.execute("SELECT stem_type, sha256, audio_key FROM stems ORDER BY 1")
    ).fetchall()
    assert [(s["stem_type"], s["sha256"]) for s in after] == [
        (s["stem_type"], s["sha256"]) for s in before
    ]
    store = Path(studio.config.store_address)
    assert all((store / stem["audio_key"]).is_file() for stem in after)
    assert not any((store / stem["audio_key"]).exists() for stem in before)
    assert (await studio.one("SELECT count(*) FROM analysis_jobs"))["count"] == 1


async def test_kill_minus_nine_of_a_worker_leaves_no_child_and_loses_no_job(studio: Studio) -> None:
    track = await studio.track("long.wav", tone(90))
    environ = {
        **os.environ,
        "DATABASE_URL": studio.config.database_url,
        "SFA_VAR": str(studio.config.var),
        "SFA_LEASE_SECONDS": "3",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    program = "import sys; from sfa.config import Config; from sfa.worker import main; sys.exit(main(Config.load(), 'processing'))"
    await studio.db.execute(
        "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
    )
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=environ)
    await studio.until(
        "SELECT max(progress) AS p FROM processing_jobs", expect=lambda row: row["p"] > 0
    )
    children = Path(f"/proc/{victim.pid}/task/{victim.pid}/children").read_text().split()
    assert children
    watched = [os.pidfd_open(int(pid)) for pid in children]
    victim.kill()
    await victim.wait()
    for handle in watched:
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(handle, gone.set)
        await asyncio.wait_for(gone.wait(), 2)
        asyncio.get_running_loop().remove_reader(handle)
        os.close(handle)
    async with studio.worker("processing"):
        job = await studio.ended(track, "processing")
    assert job["status"] == "completed"
    lost, done = await (
        await studio.db.execute("SELECT verdict, certificate FROM attempts ORDER BY id")
    ).fetchall()
    assert [lost["verdict"], done["verdict"]] == ["lost", "completed"]
    assert lost["certificate"]["ended_by"] == "worker lost"
    assert lost["certificate"]["last_percent"] > 0


async def test_a_finished_job_waits_for_the_database_to_come_back(
    studio: Studio, database: Database
) -> None:
    """Every connection of the worker is cut while it works: the job completes, in one attempt."""
    track = await studio.track("long.wav", tone(60))
    async with studio.worker("processing"):
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
        )
        await started(studio, track)
        await studio.db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        job = await studio.ended(track, "processing")
        assert job["status"] == "completed"
        # And it still listens: the next job starts by NOTIFY or poll.
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) SELECT %s, 'spectral'", [track]
        )
        await studio.until(
            "SELECT count(*) FROM attempts WHERE verdict = 'completed'",
            expect=lambda row: row["count"] == 2,
        )
    assert (await studio.one("SELECT count(*) FROM attempts"))["count"] == 2


async def test_housekeeping_is_a_schedule_and_prunes_what_is_old(studio: Studio) -> None:
    for title in ("old", "new"):
        track = await studio.one("INSERT INTO tracks (title) VALUES (%s) RETURNING id", title)
        job = await studio.one(
            "INSERT INTO analysis_jobs (track_id) VALUES (%s) RETURNING id, queue_job_id",
            track["id"],
        )
        await studio.db.execute("SELECT sfa_cancel(%s::uuid)", [job["id"]])
        if title == "old":
            await studio.db.execute(
                "UPDATE procrastinate_events SET at = now() - interval '8 days' WHERE job_id = %s",
                [job["queue_job_id"]],
            )
    for days in (1, 100):
        await studio.db.execute(
            "INSERT INTO incidents (host, program, event, at) VALUES ('h', 'web', 'exited', now() - make_interval(days => %s))",
            [days],
        )
        await studio.db.execute(
            "INSERT INTO programs (host, name, state, max_restarts, window_seconds, seen_at) VALUES (%s, 'web', 'RUNNING', 5, 60, now() - make_interval(hours => %s))",
            [f"h{days}", days],
        )
    await studio.db.execute(
        "UPDATE schedules SET paused = false, next_run = now() - interval '1 hour' WHERE name IN ('housekeeping', 'rescue', 'statistics')"
    )
    async with studio.worker("default"), studio.worker("analysis"):
        # No page shows it, so there is no bell: `until` looks again every second.
        await studio.until(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name IN ('housekeeping', 'rescue', 'statistics') AND status = 'succeeded'",
            expect=lambda row: row["count"] == 3,
        )
    assert (
        await studio.one("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'analysis'")
    )["count"] == 1
    assert (await studio.one("SELECT count(*) FROM analysis_jobs"))["count"] == 2
    assert (await studio.one("SELECT count(*) FROM incidents"))["count"] == 1
    assert (await studio.one("SELECT array_agg(host) AS h FROM programs"))["h"] == ["h1"]
    assert (
        await studio.one("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'housekeeping'")
    )["count"] == 1
