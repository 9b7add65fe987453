"""Batches: many tracks and one operation, with one progress; and one of them with its members.

What a batch's address may say: ``status`` (a state of its members) and ``after`` (the position that the page begins after).
Limit: the counts, and a state that few members are in, are found by reading all members, 10,000 at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self
from uuid import UUID

from starlette.datastructures import QueryParams

from sfa.db import Session
from sfa.web.failures import Missing, Unusable
from sfa.web.pages.page import PAGE_SIZE, key_parts, page_key

MEMBERS: Final = 100
STATES: Final = ("waiting", "running", "retrying", "completed", "failed", "refused", "cancelled")


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
class Part:
    """Which of its members are looked at; an empty text narrows nothing."""

    status: str = ""
    after: str = ""

    @classmethod
    def asked(cls, query: QueryParams) -> Self:
        """What the address says; `Unusable` names what it may say."""
        status, after = query.get("status", ""), query.get("after", "")
        if status and status not in STATES:
            raise Unusable(f"There is no status “{status}”. There are: {', '.join(STATES)}.", 400)
        if after and not (after.isascii() and after.isdigit() and len(after) < 8):
            raise Unusable("This page's address is incomplete. Start from the first page.", 400)
        return cls(status, after)

    def query(self, **changed: Any) -> dict[str, str]:
        """What is set, as it stands in the address, some of it changed."""
        values = {"status": self.status, "after": self.after} | changed
        return {name: str(value) for name, value in values.items() if value != ""}


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch, and a hundred of its members."""

    user_id: int
    id: UUID
    part: Part = Part()
    name: ClassVar[str] = "batch"
    pieces: ClassVar[tuple[str, ...]] = ("batch_head", "batch_states", "batch_members")

    def concerns(self, topic: str) -> bool:
        """This batch's, and its members'."""
        return topic == f"batch:{self.id}" or topic.startswith("track")

    def query(self) -> dict[str, str]:
        """Which one, and which part of it."""
        return {"batch": str(self.id), **self.part.query()}

    async def load(self, session: Session) -> dict[str, Any]:
        """The batch and a page of its members; `Missing` where it is somebody else's."""
        batch = await session.one("batch_show", id=self.id, user_id=self.user_id)
        if batch is None:
            raise Missing
        part = self.part
        rows = await session.all(
            "batch_members_page", id=self.id, user_id=self.user_id, size=MEMBERS + 1,
            status=part.status or None, after=int(part.after) if part.after else -1,
        )  # fmt: skip
        more, rows = len(rows) > MEMBERS, rows[:MEMBERS]
        # A batch's count of failures has those that were refused in it; here each state has a tab of its own.
        counts = {name: batch[name] for name in STATES} | {
            "failed": batch["failed"] - batch["refused"]
        }
        return {
            "batch": batch,
            "counts": counts,
            "members": rows,
            "part": part,
            "further": rows[-1]["position"] if more else None,
        }
