"""Look for the tracks' files in the store, so that what has gone, and how long each is, is known before somebody needs it.

Each file is looked for about once a day, the longest unseen first, ``batch`` at a time. A track keeps its key whatever is
found: where most of a batch is not there the store itself is in doubt (a volume that is not mounted), and
nothing is written.

Options: batch – files a call looks for (500); doubt – share of missing files from which the store is doubted (0.5).
"""

from __future__ import annotations

import logging
from uuid import UUID

from sfa.db import Database
from sfa.errors import ObjectMissing
from sfa.store import Store

log = logging.getLogger(__name__)

FEW = 10


async def look(database: Database, store: Store, *, batch: int = 500, doubt: float = 0.5) -> int:
    """Look for one batch of files; how many have newly gone."""
    async with database.session() as session:
        rows = await session.all("track_files", size=batch)
    sizes = [await _size(store, row["audio_key"]) for row in rows]
    missing = [size is None for size in sizes]
    if len(rows) > FEW and sum(missing) > doubt * len(rows):
        log.error(
            "%d of %d audio files are not there: is the store in its place?",
            sum(missing),
            len(rows),
        )
        return 0
    tracks, keys = [row["id"] for row in rows], [row["audio_key"] for row in rows]
    async with database.session() as session:
        await session.run("track_bytes", tracks=tracks, keys=keys, bytes=sizes)
    return await tell(database, tracks, keys, missing)


async def _size(store: Store, key: str) -> int | None:
    try:
        return await store.size(key)
    except ObjectMissing:
        return None


async def tell(database: Database, tracks: list[UUID], keys: list[str], missing: list[bool]) -> int:
    """Write down what was found; how many have newly gone."""
    if not tracks:
        return 0
    async with database.session() as session:
        row = await session.one("track_files_looked", tracks=tracks, keys=keys, missing=missing)
    return int(row["gone"]) if row else 0
