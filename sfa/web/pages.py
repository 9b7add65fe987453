"""Say what each page shows: the rows it loads and the pieces it is made of.

A handler renders the whole page from the same load and the same piece templates (``templates/pieces``) that the
live stream sends again when something changes; a reload and the stream cannot differ.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, ClassVar, Protocol
from uuid import UUID

from sfa.db import Row, Session
from sfa.web.failures import Missing, Unusable
from sfa.web.live import Pieces
from sfa.web.render import Renderer

PAGE_SIZE = 50


class Page(Protocol):
    """What the stream can keep up to date."""

    pieces: ClassVar[tuple[str, ...]]

    def __hash__(self) -> int: ...

    def concerns(self, topic: str) -> bool:
        """Whether a change of this topic may change the page."""
        ...

    async def load(self, session: Session) -> dict[str, Any]:
        """The values that the page's templates need."""
        ...


@dataclass(frozen=True, slots=True)
class Home:
    """Is it healthy, what is it doing, what needs me."""

    user_id: int
    pieces: ClassVar[tuple[str, ...]] = ("health", "running", "failed", "latest")

    def concerns(self, topic: str) -> bool:
        """Every track's change concerns the home page."""
        return topic.startswith("track")

    async def load(self, session: Session) -> dict[str, Any]:
        """Queues, active and failed jobs, the latest tracks."""
        active = await session.all("job_active", user_id=self.user_id)
        return {
            "queues": await session.all("page_health"),
            "running": [job for job in active if job["status"] == "running"],
            "waiting": [job for job in active if job["status"] != "running"],
            "failed": await session.all("job_failed", user_id=self.user_id),
            "tracks": await _tracks(session, self.user_id, "", None, 8),
        }


@dataclass(frozen=True, slots=True)
class Tracks:
    """A user's tracks, a page of them, narrowed by a search."""

    user_id: int
    q: str = ""
    before: str = ""
    pieces: ClassVar[tuple[str, ...]] = ("list",)

    def concerns(self, topic: str) -> bool:
        """Any track may enter or leave the list."""
        return topic.startswith("track")

    async def load(self, session: Session) -> dict[str, Any]:
        """The rows, and the key of the page after."""
        rows = await _tracks(session, self.user_id, self.q, self.before or None, PAGE_SIZE + 1)
        more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
        last = rows[-1] if more else None
        return {
            "tracks": rows,
            "q": self.q,
            "before": self.before,
            "older": page_key(last["inserted_at"], last["id"]) if last else "",
        }


@dataclass(frozen=True, slots=True)
class Track:
    """A track: its figures, its jobs, its stems and its charts."""

    user_id: int
    track_id: UUID
    job_id: UUID | None = None
    pieces: ClassVar[tuple[str, ...]] = ("title", "jobs", "stems", "charts")

    def concerns(self, topic: str) -> bool:
        """Its own changes, and changes too many to name."""
        return topic in ("tracks", f"track:{self.track_id}")

    async def load(self, session: Session) -> dict[str, Any]:
        """Everything but the long series, which the browser fetches by itself."""
        track = await session.one("track_show", id=self.track_id, user_id=self.user_id)
        if track is None:
            raise Missing
        stems = await session.all("stem_list", track_id=self.track_id, user_id=self.user_id)
        features = await session.one("track_features", id=self.track_id, user_id=self.user_id)
        sets = separations(stems)
        chosen = next((s for s in sets if s["job_id"] == self.job_id), sets[0] if sets else None)
        return {
            "track": track,
            "jobs": await session.all("job_track", track_id=self.track_id, user_id=self.user_id),
            "separations": sets,
            "chosen": chosen,
            "features": features["features"] if features else None,
        }


def separations(stems: list[Row]) -> list[dict[str, Any]]:
    """The stems, a set a separation; the fingerprint changes when any of its audio does."""
    sets = []
    for job_id, group in groupby(stems, key=lambda stem: stem["processing_job_id"]):
        members = list(group)
        print_of = "".join(f"{stem['id']}{stem['version']}" for stem in members)
        sets.append(
            {
                "job_id": job_id,
                "model": members[0]["model"],
                "engine": members[0]["engine"],
                "finished_at": members[0]["finished_at"],
                "duration_ms": max(stem["duration_ms"] for stem in members),
                "stems": members,
                "fingerprint": hashlib.sha256(print_of.encode()).hexdigest()[:12],
            }
        )
    return sets


def page_key(inserted_at: datetime, id_: UUID) -> str:
    """Where a page ends, as it stands in the address."""
    return urlsafe_b64encode(f"{inserted_at.isoformat()} {id_}".encode()).decode().rstrip("=")


def _key(text: str) -> tuple[datetime, UUID]:
    try:
        moment, id_ = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(" ")
        return datetime.fromisoformat(moment), UUID(id_)
    except ValueError as error:
        raise Unusable(
            "This page's address is incomplete. Start from the first page.", 400
        ) from error


async def _tracks(
    session: Session, user_id: int, q: str, before: str | None, size: int
) -> list[Row]:
    before_at, before_id = _key(before) if before else (None, None)
    return await session.all(
        "track_list", user_id=user_id, q=q, before_at=before_at, before_id=before_id, size=size
    )


def rendered(render: Renderer, page: Page, values: dict[str, Any]) -> Pieces:
    """Each piece of the page by its name, as HTML."""
    return {name: render(f"pieces/{name}.html", **values) for name in page.pieces}
