"""Batches: many tracks and one operation, with one progress; and one of them with its members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from sfa.db import Session
from sfa.web.failures import Missing
from sfa.web.pages.page import PAGE_SIZE, key_parts, page_key


@dataclass(frozen=True, slots=True)
class Batches:
    """A user's batches, newest first."""

    user_id: int
    before: str = ""
    name: ClassVar[str] = "batches"
    pieces: ClassVar[tuple[str, ...]] = ("batches",)

    def concerns(self, topic: str) -> bool:
        """A batch's, and its members'."""
        return topic.startswith(("batch", "track"))

    def query(self) -> dict[str, str]:
        """Where the page begins."""
        return {"before": self.before} if self.before else {}

    async def load(self, session: Session) -> dict[str, Any]:
        """The rows, and where the next page begins."""
        at, last = key_parts(self.before)
        rows = await session.all(
            "batch_list", user_id=self.user_id, before_at=at, before_id=last, size=PAGE_SIZE + 1
        )
        more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
        older = page_key(rows[-1]["inserted_at"], rows[-1]["id"]) if more else ""
        return {"batches": rows, "older": older, "before": self.before}


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch."""

    user_id: int
    id: UUID
    name: ClassVar[str] = "batch"
    pieces: ClassVar[tuple[str, ...]] = ("batch",)

    def concerns(self, topic: str) -> bool:
        """This batch's, and its members'."""
        return topic == f"batch:{self.id}" or topic.startswith("track")

    def query(self) -> dict[str, str]:
        """Which one."""
        return {"batch": str(self.id)}

    async def load(self, session: Session) -> dict[str, Any]:
        """The batch and its members, what failed first; `Missing` where it is somebody else's."""
        batch = await session.one("batch_show", id=self.id, user_id=self.user_id)
        if batch is None:
            raise Missing
        return {"batch": batch, "members": await session.all("batch_members", id=self.id)}
