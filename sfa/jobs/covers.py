"""Fetch the covers of many tracks: those of an import, or those that are named; what has one is left out.

Where a cover is comes from an import, or is asked of Spotify, five tracks at a time. The port fetches and sizes them; one
that can't be had is told in the job's result and holds up nothing. What an attempt fetched stays in the job's folder until the
job has ended.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import procrastinate

from sfa.catalog import COVERS
from sfa.db import Row, Session
from sfa.errors import InputError, SfaError
from sfa.jobs.runner import Run, run
from sfa.jobs.standalone import Again
from sfa.queue.app import app
from sfa.queue.attempt import Record
from sfa.spotify import Spotify

AT_ONCE: Final = 5
ASKED: Final = 30.0
"""Percent of the whole when every address is known."""


@app.task(name="covers", queue="download", pass_context=True, retry=Again())
async def covers(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt of a job for covers."""
    await run(context, COVERS, perform, job_id)


async def perform(work: Run) -> Record:
    """Find where they are, have them fetched, keep them; a row a track."""
    row, store = work.row, work.resources.store
    kept = store.kept(f"covers-{row['id']}")
    work.closing.append(partial(_forget, work, kept))
    async with work.resources.db.session() as session:
        tracks = await session.all("cover_tracks", id=row["id"])
    failed = await _ask(work, [track for track in tracks if not track["address"]])
    named = [track for track in tracks if track["address"]]
    keys: dict[str, str] = {}
    if named:
        work.share = (ASKED, 98)
        answer = await work.call(
            "batch_cover_art",
            "covers",
            items=[{"id": str(track["id"]), "address": track["address"]} for track in named],
            out=str(kept),
            size=row["size"],
            private=work.resources.config.download_private,
        )
        failed += [
            {"track": told["id"], "reason": told["error"]}
            for told in answer["covers"]
            if "error" in told
        ]
        files = {
            told["id"]: kept / Path(told["file"]).name
            for told in answer["covers"]
            if "file" in told
        }
        keys = await _keep(work, files)

    async def record(session: Session) -> None:
        await session.run("result_covers", tracks=list(keys), keys=list(keys.values()))
        told = {"found": len(keys), "failed": failed}
        await session.run("result_cover_job", id=row["id"], result=json.dumps(told))

    return record


async def _ask(work: Run, tracks: list[Row]) -> list[dict[str, Any]]:
    """Ask Spotify where the covers of these are; those it does not know, with the reason. `Later` puts the job off."""
    failed: list[dict[str, Any]] = []
    room = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(follow_redirects=False) as http:
        spotify = Spotify(work.resources.config, http)

        async def ask(track: Row) -> None:
            async with room:
                try:
                    page = await spotify.page("track", track["spotify_id"])
                except InputError as error:
                    failed.append({"track": str(track["id"]), "reason": str(error)})
                    return
            track["address"] = page.items[0].facts.get("cover_url")
            if not track["address"]:
                failed.append({"track": str(track["id"]), "reason": "Spotify shows no cover of it"})

        for number, asked in enumerate(asyncio.as_completed([ask(track) for track in tracks]), 1):
            await asked
            work.progress(
                ASKED * number / len(tracks), f"asking Spotify, {number} of {len(tracks)}"
            )
    return failed


async def _keep(work: Run, files: dict[str, Path]) -> dict[str, str]:
    """Put the pictures into the store, one an album; the key of each track's."""
    store = work.resources.store
    paths = {path: await asyncio.to_thread(_key, path) for path in set(files.values())}
    await work.pin(*paths.values())
    for path, key in paths.items():
        if not await store.exists(key):
            await store.copy_file(key, path)
    return {track: paths[path] for track, path in files.items()}


def _key(path: Path) -> str:
    try:
        return f"covers/{hashlib.sha256(path.read_bytes()).hexdigest()}.jpg"
    except OSError as error:
        raise SfaError("a cover that was fetched is not there any more") from error


async def _forget(work: Run, kept: Path) -> None:
    """Remove what the job kept between its attempts, if there will be no other."""
    async with work.resources.db.session() as session:
        alive = await session.one("cover_alive", id=work.row["id"])
    if alive is None:
        await asyncio.to_thread(shutil.rmtree, kept, ignore_errors=True)
