"""The queues: what waits and runs in each and why it waits, what is done a minute, who works, who holds what; pause and limits."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

from sfa.db import Row, Session

SLOTS = 30
"""Minutes that the chart shows."""
LATELY = 5
"""Minutes that the number is an average of."""


@dataclass(frozen=True, slots=True)
class Queues:
    """Every queue with its workers, as one user sees them: the jobs that hold something are links where they are his."""

    admin: bool
    user_id: int
    name: ClassVar[str] = "queues"
    pieces: ClassVar[tuple[str, ...]] = ("queues", "holdings")

    def concerns(self, topic: str) -> bool:
        """What is queued, claimed and paused."""
        return topic == "queues" or topic.startswith("track")

    def query(self) -> dict[str, str]:
        """Nothing: the session says whether its user may steer."""
        return {}

    async def load(self, session: Session) -> dict[str, Any]:
        """The queues, the workers and the pace by queue, the holders by resource."""
        workers = await session.all("queue_workers")
        pace = await session.all("queue_pace")
        holders = await session.all("resource_holders")
        return {
            "admin": self.admin,
            "user_id": self.user_id,
            "queues": await session.all("page_health"),
            "workers": {
                name: list(rows) for name, rows in groupby(workers, key=lambda w: w["queue_name"])
            },
            "paces": {
                name: _pace(list(rows))
                for name, rows in groupby(pace, key=lambda p: p["queue_name"])
            },
            "resources": [
                (first, [row for row in rows if row["job"]])
                for _, (first, *more) in groupby(holders, key=lambda h: (h["host"], h["name"]))
                for rows in [[first, *more]]
            ],
        }


def _pace(rows: list[Row]) -> dict[str, Any]:
    """A queue's minutes, those without anything too; the average of the last few."""
    done, failed = [0] * SLOTS, [0] * SLOTS
    for row in rows:
        done[row["slot"]], failed[row["slot"]] = row["completed"], row["failed"]
    top = max(1, *(one + other for one, other in zip(done, failed, strict=True)))
    return {
        "slots": list(zip(done, failed, strict=True)),
        "top": top,
        "minute": sum(done[-LATELY:]) / LATELY,
        "upto": rows[0]["upto"],
    }
