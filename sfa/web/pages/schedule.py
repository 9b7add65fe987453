"""What runs by the clock: every schedule with its next and last run, and the user's jobs that begin later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sfa.db import Session


@dataclass(frozen=True, slots=True)
class Schedule:
    """The schedules, and one user's jobs to come."""

    user_id: int
    admin: bool
    name: ClassVar[str] = "schedule"
    pieces: ClassVar[tuple[str, ...]] = ("schedules", "coming")

    def concerns(self, topic: str) -> bool:
        """A tick, a change, and any job that is put off."""
        return topic == "schedules" or topic.startswith(("track", "import"))

    def query(self) -> dict[str, str]:
        """Nothing: the session says who looks."""
        return {}

    async def load(self, session: Session) -> dict[str, Any]:
        """The schedules and the jobs."""
        return {
            "schedules": await session.all("schedule_list"),
            "coming": await session.all("schedule_coming", user_id=self.user_id),
            "admin": self.admin,
        }
