"""The queues: what waits and runs in each, who works, pause and limits (for administrators)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

from sfa.db import Session


@dataclass(frozen=True, slots=True)
class Queues:
    """Every queue with its workers."""

    admin: bool
    name: ClassVar[str] = "queues"
    pieces: ClassVar[tuple[str, ...]] = ("queues",)

    def concerns(self, topic: str) -> bool:
        """What is queued, claimed and paused."""
        return topic == "queues" or topic.startswith("track")

    def query(self) -> dict[str, str]:
        """Nothing: the session says whether its user may steer."""
        return {}

    async def load(self, session: Session) -> dict[str, Any]:
        """The queues, and the workers by queue."""
        workers = await session.all("queue_workers")
        return {
            "admin": self.admin,
            "queues": await session.all("page_health"),
            "workers": {
                name: list(rows) for name, rows in groupby(workers, key=lambda w: w["queue_name"])
            },
        }
