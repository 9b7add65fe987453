"""Separate a track into stems; then have it analysed.

The same recipe (`sfa.jobs.recipe`) is separated once: where a complete separation of it is in the store, whoever's, its
stems are linked; where another job is at work on it, this one waits and links. The files of an attempt lie under
the attempt's own key, so that an attempt that was given up and comes back can't overwrite its successor's.
Stems grow in a folder that is the job's own and outlives its attempts: the next one on this host goes on in it.
Limit: a job that waits for another's separation keeps its slot.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import procrastinate

from sfa import weights
from sfa.catalog import PROCESSING
from sfa.db import Row, Session
from sfa.errors import InputError
from sfa.jobs import pieces
from sfa.jobs.recipe import audio_identity, recipe
from sfa.jobs.runner import Run, run
from sfa.jobs.standalone import Again
from sfa.queue.app import app
from sfa.queue.attempt import Record

WAIT_SECONDS: Final = 1.0
_MEASURES: Final = (
    "stem_type", "audio_key", "format", "duration_ms", "sample_rate", "channels", "bytes", "sha256", "rms_db", "peak_db",
)  # fmt: skip
_FACTS: Final = (
    "model", "engine", "residual_db", "seconds", "device", "precision", "runtime", "networks", "peak_bytes", "resumed_ms",
    "work_seconds", "work_audio",
)  # fmt: skip


@app.task(name="processing", queue="processing", pass_context=True, retry=Again())
async def processing(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt of a processing job."""
    await run(context, PROCESSING, perform, job_id)


async def perform(work: Run) -> Record:
    """Have the audio separated, or link what is there; a row a stem, and the analysis that follows."""
    row, store = work.row, work.resources.store
    if not row["audio_key"]:
        raise InputError("the track has no audio yet: upload or download it first")
    if row["engine"] == "demucs":
        await _weights(work)
    async with store.fetch(row["audio_key"]) as audio:
        name = await asyncio.to_thread(_recipe, work, audio)
        if (linked := await _turn(work, name)) is not None:
            # What it took was noted then.
            told = {k: v for k, v in linked[0]["result"].items() if k != "work_seconds"}
            facts, stems = {**told, "linked": True}, linked
        else:
            facts, stems = await _separate(work, audio, name)

    async def record(session: Session) -> None:
        # Locked first: a job that runs again replaces only its own stems, whoever else writes for the track.
        replaced = await session.all("result_stems_drop", processing_job=row["id"])
        work.touched.extend(old["audio_key"] for old in replaced)
        for stem in stems:
            await session.run(
                "result_stem_add",
                track=row["track_id"],
                processing_job=row["id"],
                peaks=json.dumps(stem["peaks"]),
                checks=json.dumps(stem.get("checks") or {}),
                **{measure: stem[measure] for measure in _MEASURES},
            )
        await session.run("result_processing", id=row["id"], result=json.dumps(facts), recipe=name)
        await pieces.drop(session, work)
        await session.run("separation_end", recipe=name, token=work.attempt.claimed.token)
        if "work_seconds" in facts:
            await _note_speed(session, row, facts)
        await session.run(
            "result_track_duration", id=row["track_id"], duration_ms=stems[0]["duration_ms"]
        )
        await session.run("record_follow_analysis", track=row["track_id"], seen=None)

    return record


async def _note_speed(session: Session, row: Row, facts: Mapping[str, Any]) -> None:
    """Keep what the separation took, for the estimates of the next one."""
    await session.run(
        "separation_speed",
        host=socket.gethostname(),
        model=row["model"],
        device=facts["device"],
        precision=facts["precision"],
        networks=facts["networks"],
        overlap=float(row["options"].get("overlap", 0.25)) if row["engine"] == "demucs" else 0.25,
        audio=facts["work_audio"],
        seconds=facts["work_seconds"],
        peak=facts["peak_bytes"],
    )


def _recipe(work: Run, audio: Path) -> str:
    row, folder = work.row, work.resources.config.models_folder
    used = weights.identity(row["model"], folder) if row["engine"] == "demucs" else ""
    return recipe(
        audio_identity(row["audio_key"], audio),
        row["model"],
        row["engine"],
        used,
        row["stems"],
        row["options"],
    )


async def _turn(work: Run, name: str) -> list[dict[str, Any]] | None:
    """Wait until it is this attempt's turn to separate (None), or until there is a separation to link."""
    db, store = work.resources.db, work.resources.store
    job, token = work.row["id"], work.attempt.claimed.token
    while True:
        async with db.session() as session:
            # Asked before: what was being separated then is found now.
            turn = await session.one("separation_begin", recipe=name, job=job, token=token)
            found = await session.all("separation_find", recipe=name, job=job)
        if found:
            await work.pin(*(stem["audio_key"] for stem in found))
            if all([await store.exists(stem["audio_key"]) for stem in found]):
                return found
        if turn is not None and turn["ours"]:
            return None
        work.progress(0, "waiting: the same audio is being separated by another job")
        await asyncio.sleep(WAIT_SECONDS)


async def _separate(
    work: Run, audio: Path, name: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Have the runner do it, and put the stems into the store."""
    row, store = work.row, work.resources.store
    options: Mapping[str, Any] = row["options"]
    form = options.get("format", "wav")
    kept = store.kept(str(row["id"]))
    work.closing.append(partial(_forget, work, kept))
    async with store.scratch() as out, pieces.Pieces(work, kept):
        answer = await work.call(
            "demucs_runner",
            "separate",
            audio=str(audio),
            model=row["model"],
            out=str(out),
            models=str(work.resources.config.models_folder),
            work=str(kept),
            recipe=name,
            pieces=True,
            **options,
        )
        folder = f"stems/{row['track_id']}/{row['id']}/{work.attempt.claimed.token.hex[:12]}"
        stems = [
            {**stem, "format": form, "audio_key": f"{folder}/{stem['file']}"}
            for stem in answer["stems"]
        ]
        await work.pin(*(stem["audio_key"] for stem in stems))
        for stem in stems:
            await store.put_file(stem["audio_key"], out / stem["file"])
    return {fact: answer[fact] for fact in _FACTS}, stems


async def _forget(work: Run, kept: Path) -> None:
    """Remove what the job kept between its attempts, if there will be no other."""
    async with work.resources.db.session() as session:
        alive = await session.one("processing_alive", id=work.row["id"])
        if alive is None:
            await pieces.drop(session, work)
    if alive is None:
        await asyncio.to_thread(shutil.rmtree, kept, ignore_errors=True)


async def _weights(work: Run) -> None:
    """Fetch the model's weights where they are missing, with progress on the job."""
    config, model = work.resources.config, work.row["model"]
    if weights.available(model, config.models_folder):
        return

    def on_progress(done: int, total: int) -> None:
        share = f" {100 * done // total} %" if total else ""
        work.progress(0, f"fetching the weights of {model}{share}")

    try:
        await weights.fetch(model, config.models_folder, on_progress, config.weights_url)
    except weights.WeightsError as error:
        raise InputError(str(error)) from error
