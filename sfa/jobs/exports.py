"""Make something of a separation's stems: a mix with gains, a zip, a .stem.mp4.

The result is named by its content (``exports/<sha256>``): the same mix twice is one object. It reads the stems, never
the track: an export of stems that were deleted fails and says so.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from typing import Any, Final

import procrastinate

from sfa.catalog import EXPORT
from sfa.db import Session
from sfa.errors import InputError
from sfa.jobs.runner import Run, run
from sfa.jobs.standalone import Again
from sfa.queue.app import app
from sfa.queue.attempt import Record

LONGEST_NAME: Final = 120


@app.task(name="export", queue="default", pass_context=True, retry=Again())
async def export(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt of an export."""
    await run(context, EXPORT, perform, job_id)


async def perform(work: Run) -> Record:
    """Have the exporter read the stems; one object, one row of exports."""
    row, store, options = work.row, work.resources.store, work.row["options"]
    if not row["stems"]:
        raise InputError("the separation's stems are gone: separate the track again")
    package = options.get("package", "mix")
    title = f"{row['artist']} – {row['title']}" if row["artist"] else row["title"]
    async with AsyncExitStack() as stack:
        out = await stack.enter_async_context(store.scratch())
        stems = [
            {**stem, "path": str(await stack.enter_async_context(store.fetch(stem["key"])))}
            for stem in row["stems"]
        ]
        answer = await work.call(
            "exporter",
            "export",
            package=package,
            stems=stems,
            out=str(out),
            title=row["title"],
            artist=row["artist"] or "",
            **{name: options[name] for name in ("gains", "format", "bits") if name in options},
        )
        key = f"exports/{answer['sha256']}.{answer['suffix']}"
        await work.pin(key)
        if not await store.exists(key):
            await store.put_file(key, out / answer["file"])

    async def record(session: Session) -> None:
        await session.run(
            "result_export",
            track=row["track_id"],
            processing_job=row["id"],
            separation=row["separation_id"],
            package=package,
            file_name=file_name(title, package, options, answer["suffix"]),
            audio_key=key,
            bytes=answer["bytes"],
            sha256=answer["sha256"],
        )

    return record


def file_name(title: str, package: str, options: dict[str, Any], suffix: str) -> str:
    """What a download is called: no separators, no control characters, and what a mix is of."""
    words = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]+', " ", title).split()
    plain = " ".join(words)[:LONGEST_NAME].strip(" .") or "export"
    if package == "mix":
        gains = options.get("gains") or {}
        parts = ", ".join(
            name if not gain else f"{name} {gain:+g} dB" for name, gain in sorted(gains.items())
        )
        plain += f" ({parts})" if parts else " (mix)"
    return f"{plain}.{suffix}"
