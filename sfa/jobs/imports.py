"""Read the list behind an address, a page at a time; then have it downloaded, or wait for a choice.

Each page is written as it comes, guarded by the attempt's token, together with where the next one begins: an attempt
that is killed costs its page, and nothing is listed twice. What the user has is linked, what can't be had says why.
Tracks, downloads and "completed" are one transaction. A pause that Spotify asks for puts the job off. A playlist that was
changed while it was read is read afresh, twice at most: places shift, and a track would be missed.
"""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import procrastinate

from sfa.catalog import IMPORT
from sfa.db import Row, Session
from sfa.errors import InputError, Later, StaleLease
from sfa.jobs.runner import Run, run
from sfa.jobs.standalone import Again
from sfa.queue.app import app
from sfa.queue.attempt import Record
from sfa.spotify import Page, Spotify
from sfa.spotify_account import Account

AGAIN = 2
CHANGED = "The list was changed again and again while it was read: import it once more for what may be missing."
PAUSES = 100
"""How often a source may ask for patience before the import gives up."""


@app.task(name="import", queue="default", pass_context=True, retry=Again())
async def imports(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt of an import."""
    await run(context, IMPORT, perform, job_id)


async def perform(work: Run) -> Record:
    """Page to the end; then tracks and downloads, unless somebody wants to choose."""
    row = work.row
    offset: int | None = row["next_offset"]
    version, again = row["version"], 0
    async with httpx.AsyncClient(follow_redirects=False) as http:
        config, db = work.resources.config, work.resources.db
        access = await Account(config, db, http, row["user_id"]).access()
        spotify = Spotify(config, http, access)
        while offset is not None:
            try:
                page = await spotify.page(row["kind"], row["spotify_id"], offset)
            except Later as error:
                if row["pauses"] >= PAUSES:
                    raise InputError(f"given up after {PAUSES} pauses: {error}") from error
                raise
            version = page.version or version
            if offset and page.next is None and version != await _version(spotify, row, version):
                if again < AGAIN:
                    again += 1
                    await _afresh(work)
                    offset, version = 0, None
                    continue
                page = replace(page, notice=CHANGED)
            await _keep(work, page)
            offset = page.next
            listed, total = (offset or 0), page.total or row["total"] or 0
            work.progress(100 * listed / total if total else 0, f"listing {listed} of {total}")

    async def record(session: Session) -> None:
        if not row["choose"]:
            await session.one("import_choose", id=row["id"], positions=None)

    return record


async def _version(spotify: Spotify, row: Row, version: str | None) -> str | None:
    """Which state the list is in now, if it has one that can be told."""
    if row["kind"] != "playlist" or version is None:
        return version
    return await spotify.version(row["spotify_id"]) or version


async def _afresh(work: Run) -> None:
    """Forget what was listed and not chosen yet."""
    claimed = work.attempt.claimed
    async with work.resources.db.session() as session:
        held = await session.one(
            "import_afresh", job=claimed.job_id, token=claimed.token, id=work.row["id"]
        )
    if held is None or not held["held"]:
        raise StaleLease


async def _keep(work: Run, page: Page) -> None:
    claimed = work.attempt.claimed
    async with work.resources.db.session() as session:
        written = await session.one(
            "import_page",
            job=claimed.job_id,
            token=claimed.token,
            id=work.row["id"],
            title=page.title,
            artist=page.artist,
            total=page.total,
            notice=page.notice,
            version=page.version,
            next=page.next,
            items=json.dumps([item.to_json() for item in page.items]),
        )
    if written is None or not written["held"]:
        raise StaleLease
