"""What a user should hear of: failures, stems that are ready, imports and batches that are over; unread first marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sfa.db import Session

SHOWN = 100


@dataclass(frozen=True, slots=True)
class News:
    """A user's latest notifications."""

    user_id: int
    name: ClassVar[str] = "news"
    pieces: ClassVar[tuple[str, ...]] = ("news",)

    def concerns(self, topic: str) -> bool:
        """What is told to this user, or read."""
        return topic == f"notifications:{self.user_id}"

    def query(self) -> dict[str, str]:
        """Nothing: there is one list."""
        return {}

    async def load(self, session: Session) -> dict[str, Any]:
        """The newest, how many are unread, and what comes by mail."""
        news = await session.all("news_list", user_id=self.user_id, size=SHOWN)
        wanted = await session.one("news_by_mail", user_id=self.user_id)
        return {
            "news": news,
            "unread": sum(row["read_at"] is None for row in news),
            "by_mail": wanted["by_mail"] if wanted else [],
        }
