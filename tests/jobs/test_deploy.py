"""A deploy: the worker's process is told to end while it works, again and again, and the job has lost nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.jobs.studio import DEADLINE, Studio
from tests.jobs.test_worker import tone

PROGRAM = "import sys; from sfa.config import Config; from sfa.worker import main; sys.exit(main(Config.load(), 'processing'))"


async def test_sigterm_uses_up_no_attempt_however_often_it_comes(studio: Studio) -> None:
    track = await studio.track("long.wav", tone(120))
    job = await studio.one(
        "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral') RETURNING id, queue_job_id",
        track,
    )
    environ = {
        **os.environ,
        "DATABASE_URL": studio.config.database_url,
        "SFA_VAR": str(studio.config.var),
        "SFA_DRAIN_SECONDS": "0",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    for deploys in (1, 2, 3):
        worker = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, env=environ)
        await studio.until(
            "SELECT status, progress FROM processing_jobs",
            expect=lambda row: row["status"] == "running" and row["progress"] > 0,
        )
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.wait(), DEADLINE) == 0
        row = await studio.one(
            "SELECT status, attempt, error FROM sfa_jobs WHERE id = %s", job["id"]
        )
        assert row == {"status": "waiting", "attempt": 0, "error": None}
        ends = await (
            await studio.db.execute("SELECT verdict, error FROM attempts ORDER BY id")
        ).fetchall()
        assert ends == [{"verdict": "released", "error": None}] * deploys
    assert (await studio.one("SELECT sfa_crashes(%s) AS n", job["queue_job_id"]))["n"] == 0
    async with studio.worker("processing"):
        ended = await studio.ended(track, "processing")
    assert (ended["status"], ended["attempt"]) == ("completed", 1)
