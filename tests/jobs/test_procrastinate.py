"""Nobody is locked in: Procrastinate's own command line enqueues, lists and runs every kind of job."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from tests.jobs.studio import Studio
from tests.jobs.test_worker import tone


async def procrastinate(studio: Studio, *words: str) -> str:
    environ = {
        **os.environ,
        "DATABASE_URL": studio.config.database_url,
        "SFA_VAR": str(studio.config.var),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "procrastinate", "--app=sfa.queue.app.app", *words,
        env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    return output.decode()


async def test_its_defer_and_its_worker(studio: Studio) -> None:
    track = await studio.track("song.wav", tone(4))
    said = await procrastinate(
        studio,
        "defer",
        "--queue",
        "processing",
        "processing",
        json.dumps({"track_id": track, "model": "spectral"}),
    )
    assert "Launching a job" in said
    # One shot: what waits, then what followed from it.
    for _ in range(2):
        said = await procrastinate(studio, "worker", "--one-shot", "--concurrency", "1")
    jobs = await (
        await studio.db.execute("SELECT kind, status, error, attempt FROM sfa_jobs ORDER BY kind")
    ).fetchall()
    assert jobs == [
        # The track's own, and the one that its stems' grid asks for.
        {"kind": "analysis", "status": "completed", "error": None, "attempt": 1},
        {"kind": "analysis", "status": "completed", "error": None, "attempt": 1},
        {"kind": "processing", "status": "completed", "error": None, "attempt": 1},
    ], said
    assert (await studio.one("SELECT count(*) FROM stems"))["count"] == 4
    assert (await studio.one("SELECT count(*) FROM leases"))["count"] == 0
    attempts = await (await studio.db.execute("SELECT worker, verdict FROM attempts")).fetchall()
    assert attempts == [{"worker": "procrastinate", "verdict": "completed"}] * 3


async def test_its_worker_hears_why_a_job_failed(studio: Studio) -> None:
    track = await studio.track("song.mp3", lambda path: path.write_text("no music"))
    await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
    await procrastinate(studio, "worker", "--one-shot", "--queues", "analysis")
    job = await studio.one("SELECT status, error, error_kind, attempt FROM sfa_jobs")
    assert (job["status"], job["error_kind"], job["attempt"]) == ("failed", "input", 1)
    assert "song.mp3" in job["error"]


async def test_its_worker_keeps_house(studio: Studio) -> None:
    await procrastinate(studio, "defer", "--queue", "default", "housekeeping", "{}")
    said = await procrastinate(studio, "worker", "--one-shot", "--queues", "default")
    assert (await studio.one("SELECT status FROM procrastinate_jobs"))["status"] == "succeeded", (
        said
    )
