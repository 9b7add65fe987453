"""Analyse a track: the mix, and once it is separated the drums' beats and the key of bass and other.

Both answers are kept; which of them counts, and what a person corrected, `sfa_analyses` says. A job that follows a
separation does only what there is not yet; one that somebody asks for does everything anew. The tempi to look between
are the job's. What lacks a waveform to zoom into gets one. Cue points follow in the same transaction.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import procrastinate

from sfa.catalog import ANALYSIS
from sfa.db import Session
from sfa.errors import InputError, ObjectMissing
from sfa.features import Analysis
from sfa.jobs.runner import Run, run
from sfa.jobs.standalone import Again
from sfa.queue.app import app
from sfa.queue.attempt import Record
from sfa.stem_features import StemAnalysis

log = logging.getLogger(__name__)


@app.task(name="analysis", queue="analysis", pass_context=True, retry=Again())
async def analysis(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt of an analysis job."""
    await run(context, ANALYSIS, perform, job_id)


async def perform(work: Run) -> Record:
    """Have the analyzer read what is missing; a row for the mix, a row for the stems, and the jobs that follow."""
    row = work.row
    if not row["audio_key"]:
        raise InputError("the track has no audio yet: upload or download it first")
    span = {name: row[name] for name in ("tempo_min", "tempo_max") if row[name] is not None}
    mix = await _mix(work, span) if row["needs_mix"] else None
    tempo = mix.tempo if mix is not None else row["mix_tempo"]
    stems = await _stems(work, _near(tempo) or span) if row["needs_stems"] else None
    waveforms = await _waveforms(work)

    async def record(session: Session) -> None:
        track = row["track_id"]
        if mix is not None:
            await _write_mix(session, track, row["id"], mix)
        if stems is not None:
            await _write_stems(session, row["separation_id"], stems)
        for waveform in waveforms:
            await session.run("result_waveform", **waveform)
        if mix is not None or stems is not None:
            await session.run("record_follow_auto_cue", track=track)
        # A separation that was completed meanwhile found this job under way, and enqueued none.
        await session.run("record_follow_analysis", track=track, seen=row["separation_id"])

    return record


async def _mix(work: Run, span: Mapping[str, float]) -> Analysis:
    async with work.resources.store.fetch(work.row["audio_key"]) as audio:
        return Analysis.from_json(await work.call("analyzer", "analyze", audio=str(audio), **span))


def _near(tempo: float | None) -> dict[str, float]:
    """The range round the mix's tempo: half or double is told by the mix, drums alone are often heard twice as fast."""
    if tempo is None:
        return {}
    return {"tempo_min": max(20.0, 0.93 * tempo), "tempo_max": min(400.0, 1.07 * tempo)}


async def _stems(work: Run, span: Mapping[str, float]) -> StemAnalysis | None:
    """What the stems say; None where they went while nobody looked."""
    keys = work.row["stems"]
    await work.pin(*keys.values())
    try:
        async with AsyncExitStack() as stack:
            paths = {
                stem: str(await stack.enter_async_context(work.resources.store.fetch(key)))
                for stem, key in keys.items()
            }
            return StemAnalysis.from_json(await work.call("analyzer", "refine", **paths, **span))
    except ObjectMissing as error:
        log.warning("the stems of track %s are not analysed: %s", work.row["track_id"], error)
        return None


async def _waveforms(work: Run) -> list[dict[str, Any]]:
    """The waveforms that track and stems lack; what went meanwhile needs none."""
    store, found = work.resources.store, []
    await work.pin(*work.row["needs_waveforms"])
    for key in work.row["needs_waveforms"]:
        try:
            async with store.fetch(key) as audio, store.scratch() as scratch:
                out = scratch / "waveform"
                answer = await work.call("analyzer", "waveform", audio=str(audio), out=str(out))
                lows, highs = await asyncio.to_thread(_halves, out)
        except ObjectMissing:
            continue
        per_second = answer["per_second"]
        found.append({"audio_key": key, "per_second": per_second, "lows": lows, "highs": highs})
    return found


def _halves(path: Path) -> tuple[bytes, bytes]:
    body = path.read_bytes()
    return body[: len(body) // 2], body[len(body) // 2 :]


async def _write_mix(session: Session, track: Any, job: Any, found: Analysis) -> None:
    body = found.to_json()
    features = json.dumps(body.pop("features"), allow_nan=False)
    await session.run("result_analysis", track=track, analysis_job=job, features=features, **body)
    if found.duration_ms > 0:
        await session.run("result_track_duration", id=track, duration_ms=found.duration_ms)


async def _write_stems(session: Session, separation: Any, found: StemAnalysis) -> None:
    body = found.to_json()
    features = {name: body.pop(name) for name in ("beats", "bars", "grid", "key_detail")}
    await session.run(
        "result_stem_analysis",
        separation=separation,
        features=json.dumps(features, allow_nan=False),
        **body,
    )
