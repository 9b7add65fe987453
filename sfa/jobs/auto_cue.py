"""Make a track's cue points of its analysis; what people made or changed stays as it is.

The cues are worked out in the transaction that writes them, under the track's lock: an analysis or a correction of the
grid that commits meanwhile is either seen or enqueues the next run. A job that comes before there is an analysis
enqueues one and is put off; that analysis wakes it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

import procrastinate

from sfa import cues
from sfa.catalog import AUTO_CUE
from sfa.db import Session
from sfa.errors import InputError, Later
from sfa.features import Features
from sfa.jobs.runner import Run, run
from sfa.jobs.standalone import Again
from sfa.queue.app import app
from sfa.queue.attempt import Record

LOOK_AGAIN: Final = 60.0
"""Seconds after which a job that waits for an analysis looks again; the analysis wakes it before."""


@app.task(name="auto_cue", queue="analysis", pass_context=True, retry=Again())
async def auto_cue(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt of an auto_cue job."""
    await run(context, AUTO_CUE, perform, job_id)


async def perform(work: Run) -> Record:
    """Wait for an analysis if there is none; then write the cues."""
    track = work.row["track_id"]
    if not work.row["analysed"]:
        await _have_analysed(work)

    async def record(session: Session) -> None:
        source = await session.one("cue_sources", track=track)
        if source is None:
            raise InputError("the analysis was removed before its cues were made: analyse it again")
        features = Features.from_json(source["features"])
        found = await asyncio.to_thread(cues.find, features, source["duration_ms"])
        await session.one(
            "cue_replace", track=track, cues=json.dumps([cue.to_json() for cue in found])
        )

    return record


async def _have_analysed(work: Run) -> None:
    """See that an analysis is on its way, and come back after it."""
    row = work.row
    if not row["has_audio"]:
        raise InputError("the track has no audio yet: upload or download it first")
    if row["analysis"] == "failed":
        raise InputError(f"the track's analysis failed, so there are no cues: {row['error']}")
    if row["analysis"] == "cancelled":
        raise InputError("the track's analysis was cancelled, so there are no cues")
    async with work.resources.db.session() as session:
        await session.run("job_analyse", track=row["track_id"])
    raise Later("waiting for the track's analysis", LOOK_AGAIN)
