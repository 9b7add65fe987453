"""A job's page: what it was asked, what happened to it when, every attempt with its certificate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from sfa.db import Session
from sfa.web.failures import Missing


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a user."""

    user_id: int
    job_id: UUID
    track_id: UUID | None = None
    name: ClassVar[str] = "job"
    pieces: ClassVar[tuple[str, ...]] = ("job_head", "job_attempts", "job_log", "job_timeline")

    def concerns(self, topic: str) -> bool:
        """Its track's changes, and changes too many to name."""
        return topic in ("tracks", f"import:{self.job_id}", f"log:{self.job_id}") or (
            topic == f"track:{self.track_id}" if self.track_id else topic.startswith("track:")
        )

    def query(self) -> dict[str, str]:
        """The job, and its track, so that other tracks' news do not wake the page."""
        return {"job": str(self.job_id)} | ({"track": str(self.track_id)} if self.track_id else {})

    async def load(self, session: Session) -> dict[str, Any]:
        """The row, its attempts and the queue's log of it."""
        job = await session.one("job_show", id=self.job_id, user_id=self.user_id)
        if job is None:
            raise Missing
        number = job["queue_job_id"]
        return {
            "job": job,
            "attempts": await session.all("job_attempts", queue_job_id=number),
            "log": await session.one("job_log", queue_job_id=number),
            "timeline": await session.all("job_timeline", queue_job_id=number),
        }
