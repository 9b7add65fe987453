"""A kind whose children are killed, one after the other, pauses its queue; after the pause a trial brings it back."""

from __future__ import annotations

import os
import signal

from tests.jobs.studio import Studio
from tests.jobs.test_worker import started, tone


async def test_a_queue_whose_children_die_pauses_and_comes_back(studio: Studio) -> None:
    await studio.db.execute(
        "UPDATE queues SET concurrency = 1, breaker_crashes = 2, breaker_pause = '3 seconds' WHERE name = 'processing'"
    )
    # So that the second crash is the other job's.
    await studio.db.execute("UPDATE job_kinds SET crash_base = 300 WHERE task_name = 'processing'")
    tracks = [await studio.track(f"{seconds}.wav", tone(seconds)) for seconds in (40, 41)]
    for track in tracks:
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
        )
    async with studio.worker("processing"):
        for number, track in enumerate(tracks, 1):
            os.kill(await started(studio, track), signal.SIGKILL)
            await studio.until(
                "SELECT count(*) AS n FROM attempts WHERE verdict = 'lost'",
                expect=lambda row: row["n"] == number,  # noqa: B023
            )
        glance = await studio.one(
            "SELECT breaker, paused_why FROM sfa_queues WHERE name = 'processing'"
        )
        assert glance["breaker"] in ("open", "half_open")
        assert "processing crashed 2 times in a row" in glance["paused_why"]
        await studio.db.execute("SELECT sfa_reschedule(id, now()) FROM sfa_jobs")
        for track in tracks:
            assert (await studio.ended(track, "processing"))["status"] == "completed"
        await studio.until(
            "SELECT breaker FROM queues WHERE name = 'processing'",
            expect=lambda row: row["breaker"] == "closed",
        )
    assert (await studio.one("SELECT count(*) AS n FROM sfa_dead_letters"))["n"] == 0
    told = await (
        await studio.db.execute("SELECT program, event, detail FROM incidents ORDER BY id")
    ).fetchall()
    assert [(row["program"], row["event"]) for row in told] == [("processing", "tripped"), ("processing", "closed")]  # fmt: skip
    assert "crashed 2 times in a row" in told[0]["detail"]["why"]
