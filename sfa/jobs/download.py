"""Download a track's audio; decode it, keep it, and have it separated.

What Spotify names is searched and fetched by spotdl (`sfa.jobs.download_song`); the address of an audio file, or of a
page that yt-dlp knows, is fetched where the settings allow it (`sfa.jobs.download_link`). It counts once the whole file has
been decoded and is as long as it should be, within ten seconds. The file stays in a folder of the job's own until the job
has ended: an attempt that is killed at any moment costs nothing that was fetched (on this host).
"""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from pathlib import Path
from typing import Final

import procrastinate

from sfa.catalog import DOWNLOAD
from sfa.db import Session
from sfa.errors import InputError, SfaError
from sfa.jobs import download_link, download_song
from sfa.jobs.fetched import Fetched
from sfa.jobs.runner import Run, run
from sfa.jobs.standalone import Again
from sfa.queue.app import app
from sfa.queue.attempt import Record

TOLERANCE_MS: Final = 10_000
FETCHED: Final = 90.0
"""Percent of the whole when the file is there; the rest is decoding and keeping."""


@app.task(name="download", queue="download", pass_context=True, retry=Again())
async def download(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt of a download job."""
    await run(context, DOWNLOAD, perform, job_id)


async def perform(work: Run) -> Record:
    """Fetch, decode, keep; the track gets its audio, and its separation is enqueued."""
    limit = work.kind.hard_limit(None)
    try:
        async with asyncio.timeout(limit):
            return await _perform(work)
    except TimeoutError as error:
        raise SfaError(f"the download took longer than {limit:g} s") from error


async def _perform(work: Run) -> Record:
    row, store = work.row, work.resources.store
    kept = store.kept(f"download-{row['id']}")
    work.closing.append(partial(_forget, work, kept))
    fetch = download_song.fetch if row["spotify"] else download_link.fetch
    found = await fetch(work, kept, FETCHED)
    length = await _decode(work, found)
    key = f"audio/{found.sha256}.{found.format}"
    cover = await asyncio.to_thread(download_song.cover_key, found.cover)
    await work.pin(key, *([cover] if cover else []))
    work.progress(99, "keeping it")
    # Copies: the folder goes with the job, not before; the next attempt finds what this one fetched.
    for name, path in ((key, found.path), (cover, found.cover)):
        if name and path and not await store.exists(name):
            await store.copy_file(name, path)
    size = await store.size(key)

    async def record(session: Session) -> None:
        told = {name: found.facts.get(name) for name in ("title", "artist", "album")}
        await session.run(
            "result_download",
            id=row["track_id"],
            audio_key=key,
            audio_bytes=size,
            cover_key=cover,
            duration_ms=length,
            **told,
        )
        if row["then_model"]:
            await session.run(
                "record_follow_processing", track=row["track_id"], model=row["then_model"]
            )

    return record


async def _decode(work: Run, found: Fetched) -> int:
    """The length of what was really decoded, in ms."""
    work.share = (FETCHED, 99)
    checked = await work.call("audio_check", "check", audio=str(found.path))
    length = int(checked["duration_ms"])
    if found.told_ms and abs(length - found.told_ms) > TOLERANCE_MS:
        raise InputError(
            f"what was found is {length / 1000:.0f} s long, the track {found.told_ms / 1000:.0f} s: it is another"
            " recording; give the address of the right one as audio_address, or upload the file"
        )
    if checked["peak"] == 0:
        raise InputError("what was found is silent from beginning to end")
    return length


async def _forget(work: Run, kept: Path) -> None:
    """Remove what the job kept between its attempts, if there will be no other."""
    async with work.resources.db.session() as session:
        alive = await session.one("download_alive", id=work.row["id"])
    if alive is None:
        await asyncio.to_thread(shutil.rmtree, kept, ignore_errors=True)
