"""GET /tracks/{id}/stems/live: what can be played of stems that still grow; GET /media/pieces/{job}/{stem}/{number}.

The answer (404 while there is nothing): {"job", "model", "status", "progress", "duration": seconds of the track or null,
"ready": seconds that can be played, "stems": {name: [{"start", "seconds", "url"}, …]}}. Pieces are FLAC files that join
without a gap; ask again for more. ?job= chooses the separation; the newest that runs.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sfa.db import Row
from sfa.web.addresses import identity, job_of, track_of
from sfa.web.failures import Missing
from sfa.web.ranges import audio
from sfa.web.services import services, user


async def stems_live(request: Request) -> Response:
    """The pieces there are."""
    async with services(request).database.session() as session:
        rows = await session.all(
            "piece_list",
            track_id=track_of(request),
            job_id=job_of(request),
            user_id=user(request).id,
        )
    if not rows:
        raise Missing
    return JSONResponse(told(rows), headers={"cache-control": "no-store"})


async def media_piece(request: Request) -> Response:
    """One piece's audio."""
    at, path = services(request), request.path_params
    async with at.database.session() as session:
        row = await session.one(
            "piece_show",
            job_id=identity(path["job"]),
            stem=path["stem"],
            number=path["number"],
            user_id=user(request).id,
        )
    if row is None:
        raise Missing
    return await audio(request, at.store, row["audio_key"], f"{path['stem']} {path['number']}")


def told(rows: list[Row]) -> dict[str, Any]:
    """The answer: what lies there without a gap; only what all stems have is ready."""
    stems: dict[str, list[dict[str, Any]]] = {}
    ends: dict[str, float] = {}
    for row in rows:
        name, rate = row["stem_type"], row["sample_rate"]
        if row["first_frame"] / rate != ends.get(name, 0):
            ends.setdefault(name, 0)
            continue
        ends[name] = (row["first_frame"] + row["frames"]) / rate
        stems.setdefault(name, []).append(
            {
                "start": row["first_frame"] / rate,
                "seconds": row["frames"] / rate,
                "url": f"/media/pieces/{row['id']}/{name}/{row['number']}",
            }
        )
    job = rows[0]
    length = job["duration_ms"] / 1000 if job["duration_ms"] else None
    return {
        "job": str(job["id"]),
        "model": job["model"],
        "status": job["status"],
        "progress": job["progress"],
        "duration": length,
        "ready": min(ends.values()),
        "stems": stems,
    }
