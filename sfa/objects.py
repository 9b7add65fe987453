"""Remove from the store what nobody needs any more, and nothing that somebody is about to need.

Who needs a key is said by rows alone: tracks, stems, their growing pieces, exports, and pins (see migration 0040).
Writing is in this order: pin, put the file, write the row that names it (and unpin, in its transaction). A sweep locks
the keys, looks again, removes the files, forgets the keys: a pin that comes meanwhile waits, then writes afresh.
Options of ``sweep``: ``keys`` to look at (None: all), in batches of 100.
Limit: a pin that is never taken back (its process was killed) keeps its keys for a day.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from sfa.db import Database, Session
from sfa.errors import SfaError
from sfa.store import Store

log = logging.getLogger(__name__)

PIN_SECONDS = 86_400
BATCH = 100


async def pin(session: Session, keys: Iterable[str], token: UUID) -> None:
    """Keep the keys from now on, whether they exist or not, until ``unpin``."""
    await session.run("object_pin", keys=list(keys), token=token, seconds=PIN_SECONDS)


async def unpin(session: Session, token: UUID) -> None:
    """Take back what was pinned under the token."""
    await session.run("object_unpin", token=token)


@asynccontextmanager
async def pinned(database: Database, *keys: str) -> AsyncIterator[None]:
    """Keep the keys for as long as the context lasts: put the files and write their rows in it."""
    token = uuid4()
    async with database.session() as session:
        await pin(session, keys, token)
    try:
        yield
    finally:
        async with database.session() as session:
            await unpin(session, token)


async def sweep(database: Database, store: Store, keys: Iterable[str] | None = None) -> int:
    """Remove those of the keys that nobody needs; how many."""
    wanted = None if keys is None else list(keys)
    removed = 0
    while wanted is None or wanted:
        async with database.transaction() as session:
            rows = await session.all("object_unused", keys=wanted, size=BATCH)
            unused = [row["key"] for row in rows]
            for key in unused:
                try:
                    await store.delete(key)
                except (OSError, SfaError):
                    # Only wasted space: its row goes, so that it does not come back with every sweep.
                    log.exception("could not remove %s from the store", key)
            if unused:
                await session.run("object_gone", keys=unused)
        removed += len(unused)
        if len(unused) < BATCH:
            break
    return removed
