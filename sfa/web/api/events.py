"""GET /api/v1/events: what changes, as server-sent events with JSON.

First ``hello``, then every job that has not ended as ``job`` events and every batch that goes on as ``batch`` events; from
then on ``job`` for each job that changed, ``batch`` (a Batch) for each batch whose counts or status changed,
``track`` for a track that changed (the id alone: ask for it), ``queues`` with all of them. ``away`` says that the
database does not answer, ``bye`` that the token is good no more. A comment every 15 s keeps the line open. NOTIFY wakes,
SQL tells: several changes of a job within a quarter of a second are one event, with its newest state. A batch's progress
alone is no event: its jobs' events say it, and it comes with the next change of its counts.
Limits: at most 12 streams a token; of more than 200 tracks or batches that change at once the active ones are told.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sfa.db import Row, Session
from sfa.errors import DatabaseUnavailable
from sfa.web.addresses import identity
from sfa.web.api.batches import shown
from sfa.web.api.shapes import shaped
from sfa.web.buckets import TooMany
from sfa.web.failures import Missing
from sfa.web.gate import bearer
from sfa.web.services import services, user
from sfa.web.sse import COMMENT

MOST = 200
COUNTED = ("status", "total", "active", "completed", "failed", "cancelled")


class Interests:
    """What has changed since it was last asked, as the hub tells it."""

    def __init__(self) -> None:
        self.tracks: set[str] = set()
        self.batches: set[str] = set()
        self.queues = True
        self.all = True

    def concerns(self, topic: str) -> bool:
        """Note the topic; whether there is something to tell."""
        kind, _, id_ = topic.partition(":")
        if kind == "track" and len(self.tracks) < MOST:
            self.tracks.add(id_)
        elif kind == "batch" and len(self.batches) < MOST:
            self.batches.add(id_)
        elif kind in ("track", "tracks", "batch"):
            self.all = True
        elif kind == "queues":
            self.queues = True
        return kind in ("track", "tracks", "batch", "queues")


def event(name: str, data: Any) -> str:
    """One event."""
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


async def events(request: Request) -> Response:
    """The stream."""
    if services(request).hub.full(user(request).session):
        raise TooMany(15)
    return StreamingResponse(
        _stream(request), media_type="text/event-stream", headers={"x-accel-buffering": "no"}
    )


async def _stream(request: Request) -> AsyncIterator[str]:
    at, who, seen = services(request), user(request), Interests()
    told: dict[str, Any] = {}
    yield event("hello", {"user": who.email})
    with at.hub.viewer(seen, who.session, user=who.id) as viewer:
        async for changed in at.hub.wakes(viewer):
            doubted, viewer.doubted = viewer.doubted, False
            try:
                if (doubted or not changed) and await bearer(request) is None:
                    yield event("bye", {"detail": "The token is good no more."})
                    return
                # After a silence of the line everything may have changed.
                seen.all = seen.all or doubted
                text = "".join([line async for line in _news(request, seen, told)])
            except DatabaseUnavailable:
                viewer.doubted, seen.all, seen.queues = True, True, True
                viewer.dirty.set()
                yield event("away", {"detail": "The database does not answer."})
                continue
            if text or not changed:
                yield text or COMMENT


async def _news(request: Request, seen: Interests, told: dict[str, Any]) -> AsyncIterator[str]:
    """What is new since ``told``, which is brought up to date."""
    tracks, seen.tracks = sorted(seen.tracks), set()
    batches, seen.batches = sorted(seen.batches), set()
    everything, seen.all = seen.all, False
    queues, seen.queues = seen.queues, False
    owner = user(request).id
    async with services(request).database.session() as session:
        rows: list[Row] = []
        if everything:
            rows += await session.all("api_jobs_active", user_id=owner)
        if ids := [id_ for text in tracks if (id_ := _uuid(text))]:
            rows += await session.all("api_jobs_of", user_id=owner, tracks=ids)
            for row in await session.all("api_tracks_own", user_id=owner, tracks=ids):
                yield event("track", {"id": str(row["id"])})
        for row in reversed(rows):
            job = shaped("Job", row)
            if told.get(job["id"]) != job:
                told[job["id"]] = job
                yield event("job", job)
            if job["finished_at"]:
                told[job["id"]] = job
        for row in await _batches(session, owner, batches, everything, told):
            batch = shown(row)
            counts = {name: batch[name] for name in COUNTED}
            if told.get(f"batch:{batch['id']}") != counts:
                told[f"batch:{batch['id']}"] = counts
                yield event("batch", batch)
        if queues:
            said = [shaped("Queue", row) for row in await session.all("page_health")]
            if told.get("queues") != said:
                told["queues"] = said
                yield event("queues", said)
    # What ended is told once more at most; memory must not grow with what is over.
    if len(told) > 2000:
        told.clear()


async def _batches(
    session: Session, owner: int, named: list[str], everything: bool, told: dict[str, Any]
) -> list[Row]:
    """The batches to look at, the oldest first: the named ones, or all that go on and all that went on when last told."""
    if everything:
        went_on = [
            name.removeprefix("batch:")
            for name, said in told.items()
            if name.startswith("batch:") and said["status"] == "running"
        ]
        ids = went_on + [text for text in named if _uuid(text)]
        rows = await session.all("api_batches_active", user_id=owner, told=ids)
    elif ids := [text for text in named if _uuid(text)]:
        rows = await session.all("api_batches_of", user_id=owner, batches=ids)
    else:
        return []
    return rows[::-1]


def _uuid(text: str) -> object:
    try:
        return identity(text)
    except Missing:
        return None
