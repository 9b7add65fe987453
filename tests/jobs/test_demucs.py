"""The real Demucs path through a whole worker: small networks with random weights, in Demucs's own format."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sfa.jobs import pieces
from sfa.ports.process import kill_all
from tests.children import models
from tests.jobs.studio import Studio


def song(path: Path) -> None:
    rng = np.random.default_rng(3)
    soundfile.write(path, rng.uniform(-0.3, 0.3, (5 * 44100, 2)), 44100, subtype="FLOAT")


@pytest.fixture
async def tiny(studio: Studio) -> str:
    """A bag of two networks, known to the database and lying in the models folder."""
    folder = studio.config.models_folder
    folder.mkdir(parents=True)
    models.bag(folder, "tiny", [models.htdemucs(1), models.htdemucs(2)])
    await studio.db.execute(
        "INSERT INTO models (name, engine, stems, description) VALUES ('tiny', 'demucs', '{drums,bass,other,vocals}', 'test')"
    )
    return "tiny"


async def test_kill_minus_nine_of_a_worker_costs_at_most_a_segment(
    studio: Studio, tiny: str
) -> None:
    """A worker of its own process is killed after a checkpoint; the next one begins where that was, to the same sound.

    To the same bytes with as many threads (test_growing shows that); how many there are depends on who else separates.
    """

    def long(path: Path) -> None:
        rng = np.random.default_rng(5)
        soundfile.write(path, rng.uniform(-0.3, 0.3, (20 * 44100, 2)), 44100, subtype="FLOAT")

    track = await studio.track("long.wav", long)
    config = studio.config
    program = (
        "from sfa.config import Config; from sfa.worker import main; from pathlib import Path\n"
        f"main(Config(var=Path({str(config.var)!r}), database_url={config.database_url!r}, lease_seconds=3,"
        " grace_seconds=1, drain_seconds=0), 'processing')"
    )
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    job = await studio.one(
        "INSERT INTO processing_jobs (track_id, model) VALUES (%s, %s) RETURNING id", track, tiny
    )
    async with asyncio.timeout(120):
        while True:
            rows = await (await studio.db.execute("SELECT data FROM checkpoints")).fetchall()
            if rows and rows[0]["data"]["frames"] > 2 * 44100:
                break
            await asyncio.sleep(0.005)
    victim.kill()
    await victim.wait()
    # What the database knew when it died; the child may have come a segment further.
    kept = (await studio.one("SELECT data FROM checkpoints"))["data"]["frames"]
    assert (await studio.one("SELECT status FROM processing_jobs"))["status"] == "running"
    async with studio.worker("processing"):
        ended = await studio.ended(track, "processing")
        assert (ended["status"], ended["error"]) == ("completed", None)
        result = (await studio.one("SELECT result FROM processing_jobs WHERE id = %s", job["id"]))[
            "result"
        ]
        assert result["resumed_ms"] >= 1000 * kept / 44100 - 1
        assert result["work_audio"] == pytest.approx(20 - result["resumed_ms"] / 1000, abs=0.01)
        first = await sounds_of(studio, track)
        # Separated once more without a kill (another recipe by name only: the first is forgotten).
        await studio.db.execute("UPDATE processing_jobs SET recipe = NULL")
        await studio.db.execute("DELETE FROM stems")
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, %s)", [track, tiny]
        )
        await studio.until(
            "SELECT count(*) FROM processing_jobs WHERE status = 'completed'",
            expect=lambda row: row["count"] == 2,
        )
    second = await sounds_of(studio, track)
    for name, sound in second.items():
        np.testing.assert_allclose(first[name], sound, atol=1e-5)


async def sounds_of(studio: Studio, track: str) -> dict[str, Any]:
    store = Path(studio.config.store_address)
    stems = await stems_of(studio, track)
    return {name: soundfile.read(store / stem["audio_key"])[0] for name, stem in stems.items()}


async def stems_of(studio: Studio, track: str) -> dict[str, dict[str, Any]]:
    rows = await (
        await studio.db.execute("SELECT * FROM stems WHERE track_id = %s", [track])
    ).fetchall()
    return {row["stem_type"]: row for row in rows}


async def test_a_bag_separates_into_its_stems_with_progress_that_moves(
    studio: Studio, tiny: str
) -> None:
    track = await studio.track("song.wav", song)
    async with studio.worker("processing"):
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, %s)", [track, tiny]
        )
        job = await studio.ended(track, "processing")
    assert (job["status"], job["error"]) == ("completed", None)
    stems = await stems_of(studio, track)
    assert set(stems) == {"drums", "bass", "other", "vocals"}
    for stem in stems.values():
        info = soundfile.info(Path(studio.config.store_address) / stem["audio_key"])
        assert (info.frames, info.samplerate, info.channels) == (5 * 44100, 44100, 2)
        assert stem["duration_ms"] == 5000
        assert len(stem["peaks"]["min"]) == len(stem["peaks"]["max"]) > 100
    result = (await studio.one("SELECT result FROM processing_jobs"))["result"]
    assert result["engine"] == "demucs"
    assert result["device"] == "cpu"


async def test_pieces_can_be_played_while_it_separates_and_go_when_it_is_done(
    studio: Studio, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is heard on the way is what the stems are in the end, to FLAC's 16 bits."""
    heard: dict[str, dict[int, Any]] = {}
    keep = pieces.Pieces._keep

    async def spying(self: pieces.Pieces, up_to: int) -> None:
        await keep(self, up_to)
        rows = await (await studio.db.execute("SELECT * FROM stem_pieces")).fetchall()
        for row in rows:
            samples, rate = soundfile.read(Path(studio.config.store_address) / row["audio_key"])
            assert (len(samples), rate) == (row["frames"], row["sample_rate"])
            heard.setdefault(row["stem_type"], {})[row["first_frame"]] = samples

    monkeypatch.setattr(pieces.Pieces, "_keep", spying)
    track = await studio.track("song.wav", song)
    async with studio.worker("processing"):
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, %s)", [track, tiny]
        )
        job = await studio.ended(track, "processing")
    assert (job["status"], job["error"]) == ("completed", None)
    assert set(heard) == {"drums", "bass", "other", "vocals"}
    for name, stem in (await stems_of(studio, track)).items():
        whole, _ = soundfile.read(Path(studio.config.store_address) / stem["audio_key"])
        for first, samples in heard[name].items():
            part = np.clip(whole[first : first + len(samples)], -1, 1)
            assert np.abs(part - samples).max() <= 2**-15
    store = Path(studio.config.store_address)
    assert (await studio.one("SELECT count(*) FROM stem_pieces"))["count"] == 0
    assert not [path for path in (store / "pieces").rglob("*") if path.is_file()]


async def test_options_choose_stems_and_format_and_two_models_live_side_by_side(
    studio: Studio, tiny: str
) -> None:
    track = await studio.track("song.wav", song)
    async with studio.worker("processing"):
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model, options) VALUES"
            """ (%s, %s, '{"stems": ["vocals"], "format": "flac"}')""",
            [track, tiny],
        )
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
        )
        await studio.until(
            "SELECT count(*) FROM sfa_jobs WHERE kind = 'processing' AND status = 'completed'",
            expect=lambda row: row["count"] == 2,
        )
    rows = await (
        await studio.db.execute("SELECT stem_type, format, audio_key FROM stems")
    ).fetchall()
    assert sorted(row["format"] for row in rows) == ["flac", "wav", "wav", "wav", "wav"]
    assert sum(row["stem_type"] == "vocals" for row in rows) == 2


async def test_weights_that_were_tampered_with_are_not_loaded(studio: Studio, tiny: str) -> None:
    victim = next(studio.config.models_folder.glob("tiny0-*.th"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"!")
    track = await studio.track("song.wav", song)
    async with studio.worker("processing"):
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, %s)", [track, tiny]
        )
        job = await studio.ended(track, "processing")
    assert job["status"] == "failed"
    assert job["error_kind"] == "input"
    assert str(studio.config.var) not in job["error"]
    assert (await stems_of(studio, track)) == {}


async def test_a_worker_killed_between_segments_is_followed_by_one_that_goes_on(
    studio: Studio, tiny: str
) -> None:
    """What the child wrote outlives the attempt; the next one gets the checkpoint and does not begin again."""
    track = await studio.track("song.wav", song)
    job = await studio.one(
        "INSERT INTO processing_jobs (track_id, model) VALUES (%s, %s) RETURNING id", track, tiny
    )
    killed = False
    async with studio.worker("processing") as worker:
        async with asyncio.timeout(60):
            while not killed:
                rows = await (await studio.db.execute("SELECT data FROM checkpoints")).fetchall()
                row = await studio.one("SELECT status, result FROM processing_jobs")
                if row["status"] == "completed":
                    break  # too quick to be caught; the children's own tests kill at a given segment
                if rows:
                    killed = kill_all() > 0
                await asyncio.sleep(0.01)
        ended = await studio.ended(track, "processing")
        assert worker is not None
    assert ended["status"] == "completed"
    result = (await studio.one("SELECT result FROM processing_jobs WHERE id = %s", job["id"]))[
        "result"
    ]
    assert (result["resumed_ms"] > 0) is killed
    scratch = Path(studio.config.store_address) / ".scratch"
    assert not list(scratch.iterdir())
