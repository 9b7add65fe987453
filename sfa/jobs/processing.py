"""Separate a track into stems; then have it analysed.

The files of an attempt lie under the attempt's own key, so that an attempt that was given up and comes back can't
overwrite its successor's; what an earlier run of the same job left is removed once the new stems are committed.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import procrastinate

from sfa import weights
from sfa.catalog import PROCESSING
from sfa.db import Session
from sfa.errors import InputError
from sfa.jobs.runner import Run, run
from sfa.jobs.standalone import Again
from sfa.queue.app import app
from sfa.queue.attempt import Record


@app.task(name="processing", queue="processing", pass_context=True, retry=Again())
async def processing(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt of a processing job."""
    await run(context, PROCESSING, perform, job_id)


async def perform(work: Run) -> Record:
    """Have the runner separate the audio; a row a stem, and the analysis that follows."""
    row, store = work.row, work.resources.store
    if not row["audio_key"]:
        raise InputError("the track has no audio yet: upload or download it first")
    if row["engine"] == "demucs":
        await _weights(work)
    options: dict[str, Any] = row["options"]
    stems: list[dict[str, Any]] = []
    async with store.fetch(row["audio_key"]) as audio, store.scratch() as out:
        answer = await work.call(
            "demucs_runner",
            "separate",
            audio=str(audio),
            model=row["model"],
            out=str(out),
            models=str(work.resources.config.models_folder),
            format=options.get("format", "wav"),
            **({"stems": options["stems"]} if options.get("stems") else {}),
        )
        folder = f"stems/{row['track_id']}/{row['id']}/{work.attempt.claimed.token.hex[:12]}"
        for stem in answer["stems"]:
            key = f"{folder}/{stem['file']}"
            await store.put_file(key, out / stem["file"])
            work.undo.append(partial(store.delete, key))
            stems.append({**stem, "audio_key": key})

    async def record(session: Session) -> None:
        # Locked first: a job that runs again replaces only its own stems, whoever else writes for the track.
        replaced = await session.all("result_stems_drop", processing_job=row["id"])
        work.after.extend(partial(store.delete, old["audio_key"]) for old in replaced)
        for stem in stems:
            await session.run(
                "result_stem_add",
                track=row["track_id"],
                processing_job=row["id"],
                stem_type=stem["stem_type"],
                audio_key=stem["audio_key"],
                format=options.get("format", "wav"),
                peaks=json.dumps(stem["peaks"]),
                **{name: stem[name] for name in _MEASURES},
            )
        facts = {
            name: answer[name] for name in ("model", "engine", "residual_db", "seconds", "device")
        }
        await session.run("result_processing", id=row["id"], result=json.dumps(facts))
        await session.run(
            "result_track_duration", id=row["track_id"], duration_ms=answer["duration_ms"]
        )
        await session.run("record_follow_analysis", track=row["track_id"])

    return record


_MEASURES = ("duration_ms", "sample_rate", "channels", "bytes", "sha256", "rms_db", "peak_db")


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
