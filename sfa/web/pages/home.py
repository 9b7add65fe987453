"""The home page: is it healthy, what is it doing, what needs me."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sfa.db import Session
from sfa.web.pages.tracks import Wanted

LATEST = 8


@dataclass(frozen=True, slots=True)
class Home:
    """One user's glance."""

    user_id: int
    name: ClassVar[str] = "home"
    pieces: ClassVar[tuple[str, ...]] = ("health", "running", "failed", "latest")

    def concerns(self, topic: str) -> bool:
        """Every track's change concerns the home page, and the queues' do."""
        return topic.startswith(("track", "import")) or topic in ("queues", "ports", "tree")

    def query(self) -> dict[str, str]:
        """Nothing: there is one home page."""
        return {}

    async def load(self, session: Session) -> dict[str, Any]:
        """Queues, active and failed jobs, the last hour, the latest tracks."""
        owner = self.user_id
        counts = {row["status"]: row["n"] for row in await session.all("job_counts", user_id=owner)}
        hour = await session.one("job_throughput", user_id=owner)
        return {
            "queues": await session.all("page_health"),
            "running": await session.all("job_running", user_id=owner),
            "waiting": await session.all("job_waiting", user_id=owner),
            "counts": counts,
            "hour": hour,
            "pace": await session.all("job_pace", user_id=owner),
            "processes": await session.one("tree_health"),
            "failed": await session.all("job_failed", user_id=owner),
            "tracks": await Wanted().rows(session, owner, LATEST),
        }
