"""Batches: many tracks and one operation, with one progress; and one of them with its members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from sfa.db import Session
from sfa.web.failures import Missing

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Batches:
    """A user's latest batches."""

    user_id: int
    name: ClassVar[str] = "batches"
    pieces: ClassVar[tuple[str, ...]] = ("batches",)

    def concerns(self, topic: str) -> bool:
        """A batch's, and its members'."""
        return topic.startswith(("batch", "track"))

    def query(self) -> dict[str, str]:
        """Nothing: there is one list."""
        return {}

    async def load(self, session: Session) -> dict[str, Any]:
        """The newest batches."""
        return {"batches": await session.all("batch_list", user_id=self.user_id, size=SHOWN)}


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
