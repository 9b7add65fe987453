"""Analyse a track: tempo, key, energy, spectrum, beats, and the series that the charts draw."""

from __future__ import annotations

import json

import procrastinate

from sfa.catalog import ANALYSIS
from sfa.db import Session
from sfa.errors import InputError
from sfa.features import Analysis
from sfa.jobs.runner import Run, run
from sfa.jobs.standalone import Again
from sfa.queue.app import app
from sfa.queue.attempt import Record


@app.task(name="analysis", queue="analysis", pass_context=True, retry=Again())
async def analysis(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt of an analysis job."""
    await run(context, ANALYSIS, perform, job_id)


async def perform(work: Run) -> Record:
    """Have the analyzer read the track's audio; one row of analysis_results."""
    if not work.row["audio_key"]:
        raise InputError("the track has no audio yet: upload or download it first")
    async with work.resources.store.fetch(work.row["audio_key"]) as audio:
        answer = await work.call("analyzer", "analyze", audio=str(audio))
    found = Analysis.from_json(answer)
    scalars = {name: value for name, value in found.to_json().items() if name != "features"}
    features = json.dumps(found.to_json()["features"], allow_nan=False)

    async def record(session: Session) -> None:
        await session.run(
            "result_analysis",
            track=work.row["track_id"],
            analysis_job=work.row["id"],
            features=features,
            **scalars,
        )
        if found.duration_ms > 0:
            await session.run(
                "result_track_duration", id=work.row["track_id"], duration_ms=found.duration_ms
            )
        await session.run("record_follow_auto_cue", track=work.row["track_id"])

    return record
