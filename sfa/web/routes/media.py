"""GET /media/stems/{id} and /media/tracks/{id}: audio, in ranges; ?download saves it under a good name."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.addresses import identity, track_of
from sfa.web.failures import Missing
from sfa.web.ranges import audio
from sfa.web.services import services, user


async def media_stem(request: Request) -> Response:
    """A stem's audio."""
    at = services(request)
    stem_id = identity(request.path_params["id"])
    async with at.database.session() as session:
        row = await session.one("stem_show", id=stem_id, user_id=user(request).id)
    if row is None:
        raise Missing
    return await audio(
        request, at.store, row["audio_key"], f"{row['title']} – {row['stem_type']} ({row['model']})"
    )


async def media_track(request: Request) -> Response:
    """The original audio."""
    at = services(request)
    async with at.database.session() as session:
        row = await session.one("track_show", id=track_of(request), user_id=user(request).id)
    if row is None or row["audio_key"] is None:
        raise Missing
    name = f"{row['artist']} – {row['title']}" if row["artist"] else row["title"]
    return await audio(request, at.store, row["audio_key"], name)
