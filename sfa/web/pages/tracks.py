"""The list of tracks: a page of them, narrowed by a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sfa.db import Row, Session
from sfa.web.pages.page import PAGE_SIZE, key_parts, page_key


@dataclass(frozen=True, slots=True)
class Tracks:
    """A user's tracks."""

    user_id: int
    q: str = ""
    before: str = ""
    name: ClassVar[str] = "tracks"
    pieces: ClassVar[tuple[str, ...]] = ("list",)

    def concerns(self, topic: str) -> bool:
        """Any track may enter or leave the list."""
        return topic.startswith("track")

    def query(self) -> dict[str, str]:
        """The search, and where the page begins."""
        return {"q": self.q, "before": self.before}

    async def rows(self, session: Session, size: int) -> list[Row]:
        """The first rows of the page."""
        at, id_ = key_parts(self.before)
        return await session.all(
            "track_list", user_id=self.user_id, q=self.q, before_at=at, before_id=id_, size=size
        )

    async def load(self, session: Session) -> dict[str, Any]:
        """The rows, and the key of the page after."""
        rows = await self.rows(session, PAGE_SIZE + 1)
        more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
        last = rows[-1] if more else None
        return {
            "tracks": rows,
            "q": self.q,
            "before": self.before,
            "older": page_key(last["inserted_at"], last["id"]) if last else "",
        }
