"""A track's page: its figures, its jobs, its stems and its charts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar
from uuid import UUID

from sfa.db import Row, Session
from sfa.web.failures import Missing
from sfa.web.glance import glance
from sfa.web.selfcheck import findings


@dataclass(frozen=True, slots=True)
class Track:
    """One track, with the separation that was chosen."""

    user_id: int
    track_id: UUID
    job_id: UUID | None = None
    name: ClassVar[str] = "track"
    pieces: ClassVar[tuple[str, ...]] = (
        "title",
        "jobs",
        "growing",
        "stems",
        "cues",
        "exports",
        "checks",
        "charts",
    )

    def concerns(self, topic: str) -> bool:
        """Its own changes, and changes too many to name."""
        return topic in ("tracks", f"track:{self.track_id}")

    def query(self) -> dict[str, str]:
        """The track, and the separation if one was chosen."""
        return {"track": str(self.track_id)} | ({"job": str(self.job_id)} if self.job_id else {})

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
            "source": await session.one("track_source", id=self.track_id, user_id=self.user_id),
            "jobs": await session.all("job_track", track_id=self.track_id, user_id=self.user_id),
            "separations": sets,
            "chosen": chosen,
            "growing": await session.one(
                "piece_growing", track_id=self.track_id, user_id=self.user_id
            ),
            "grid_print": fingerprint(features["features"]) if features else "",
            "cues": await session.all("cue_list", track_id=self.track_id, user_id=self.user_id),
            "exports": await session.all(
                "export_list", track_id=self.track_id, user_id=self.user_id
            ),
            "features": features["features"] if features else None,
            "radar": glance(features) if features else [],
        }


def fingerprint(features: dict[str, Any]) -> str:
    """Changes when the beat grid does: an open mixer then fetches it anew."""
    text = repr((features.get("beats"), features.get("bars")))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


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
                "findings": findings(members),
                "fingerprint": hashlib.sha256(print_of.encode()).hexdigest()[:12],
            }
        )
    return sets
