"""Kill the cloud's worker at every step; the stand-in's books say what was billed and fetched."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sfa.config import HOME
from tests.cloud.lalalai import KEY, Cloud
from tests.cloud.test_lalalai import begin, check, stems
from tests.jobs.studio import Studio

STEPS = ["limits/minutes_left", "upload", "split/multistem", "check", "link vocals", "link drum"]


@asynccontextmanager
async def killed(studio: Studio, cloud: Cloud) -> AsyncIterator[None]:
    """A worker of its own process, killed outright at the end."""
    env = os.environ | {
        "SFA_VAR": str(studio.config.var), "DATABASE_URL": studio.config.database_url, "SFA_LALALAI_KEY": KEY,
        "SFA_LALALAI_URL": cloud.url, "SFA_LEASE_SECONDS": "3", "PYTHONPATH": str(HOME),
    }  # fmt: skip
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sfa.cli", "worker", "cloud", env=env, start_new_session=True,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        await worker.wait()


async def test_a_multistem_that_is_killed_at_every_step_is_billed_once(
    studio: Studio, cloud: Cloud, song: str
) -> None:
    job = await begin(studio, song, "multistem", {"stems": ["vocals", "drums"]})
    for step in STEPS:
        if step.startswith("link"):
            cloud.advance(100)
        cloud.hold = step
        cloud.released.clear()
        async with killed(studio, cloud):
            if step == "check" or step.startswith("link"):
                await studio.until(
                    "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'lalalai_check'",
                    expect=lambda row: row["count"] > 0,
                )
                await check(studio)
            await asyncio.to_thread(cloud.until, step, 1)
        cloud.released.set()
        cloud.hold = ""
    async with studio.worker("cloud"):
        row = await studio.until(
            "SELECT * FROM processing_jobs WHERE id = %s",
            job,
            expect=lambda row: row["finished_at"] is not None,
        )
    assert row["error"] is None
    assert await stems(studio, job) == {("vocals", ""), ("drums", ""), ("no_multistem", "")}
    (billed,) = cloud.billed.values()
    assert billed == 1
    # What was in flight at the kill is fetched again, what was here is not.
    links = {name: count for name, count in cloud.books.items() if name.startswith("link")}
    assert links == {"link vocals": 2, "link drum": 2, "link no_multistem": 1}
    lost = await studio.one("SELECT count(*) FROM attempts WHERE verdict = 'lost'")
    assert lost["count"] >= 5
