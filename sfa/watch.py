"""Follow the jobs of a track, or of an import, until all of them have ended, and gather what they made.

Decides by the database: a notification only wakes, and a poll stands behind it.
Limit: of one track the 20 newest jobs.

Options: poll – seconds between looks when nothing wakes (default 0.5).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sfa.db import Database, Row
from sfa.errors import DatabaseUnavailable
from sfa.notify import Listener

ENDED = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a track: its row with the analysis, its stems, its jobs in the order they were made."""

    track: Row
    stems: list[Row]
    jobs: list[Row]

    @property
    def failure(self) -> Row | None:
        """The first job that did not complete."""
        return next((job for job in self.jobs if job["status"] != "completed"), None)


class Watch:
    """The jobs of one track, for its owner."""

    def __init__(self, database: Database, track: UUID, user: int, *, poll: float = 0.5) -> None:
        self._database = database
        self._track = track
        self._user = user
        self._poll = poll

    async def jobs(self) -> AsyncIterator[list[Row]]:
        """Yield the jobs, oldest first, at each change; end when all of them have ended."""
        woken = asyncio.Event()
        listener = Listener(self._database.dsn, ["sfa_changed"], name="sfa-run")
        listener.subscribe(lambda *_: woken.set())
        await listener.start()
        try:
            while True:
                woken.clear()
                # The database may restart under a running job; the job goes on, and so do we.
                with suppress(DatabaseUnavailable):
                    rows = await self.rows()
                    yield rows
                    if rows and all(row["status"] in ENDED for row in rows):
                        return
                with suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), self._poll)
        finally:
            await listener.stop()

    async def rows(self) -> list[Row]:
        """The jobs as they are now, oldest first."""
        return (await self._all("job_track", track_id=self._track))[::-1]

    async def cancel(self) -> int:
        """Cancel what has not ended; return how many jobs that were."""
        count = 0
        for job in await self.rows():
            if job["status"] not in ENDED:
                async with self._database.session() as session:
                    row = await session.one("job_cancel", id=job["id"], user_id=self._user)
                count += bool(row and row["done"])
        return count

    async def outcome(self) -> Outcome:
        """Gather the results."""
        async with self._database.session() as session:
            track = await session.one("track_show", id=self._track, user_id=self._user)
        stems = await self._all("stem_list", track_id=self._track)
        return Outcome(track or {}, stems, await self.rows())

    async def _all(self, name: str, **parameters: Any) -> list[Row]:
        async with self._database.session() as session:
            return await session.all(name, user_id=self._user, **parameters)


class ImportWatch(Watch):
    """The import itself, and every job that came of it."""

    async def rows(self) -> list[Row]:
        """The jobs as they are now, the import first."""
        return await self._all("import_jobs", id=self._track)

    async def found(self) -> Row:
        """The import with its counts."""
        async with self._database.session() as session:
            row = await session.one("import_show", id=self._track, user_id=self._user)
        return row or {}

    async def items(self) -> list[Row]:
        """All that it found, in its order."""
        return await self._all("import_items", id=self._track, start=0, status="", size=100_000)
