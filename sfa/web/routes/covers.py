"""GET /media/covers/{id}: a track's cover. POST /tracks/{id}/download: fetch a track's audio again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sfa.web.addresses import track_of
from sfa.web.answers import done
from sfa.web.failures import Missing, Unusable
from sfa.web.services import services, user


async def media_cover(request: Request) -> Response:
    """The picture; its key is its hash, so that a browser may keep it."""
    at = services(request)
    async with at.database.session() as session:
        row = await session.one("track_cover", id=track_of(request), user_id=user(request).id)
    if row is None or row["album_art_key"] is None:
        raise Missing
    key = str(row["album_art_key"])
    tag = f'"{key.rpartition("/")[2][:32]}"'
    headers = {"etag": tag, "cache-control": "private, max-age=86400"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    headers["content-length"] = str(await at.store.size(key))
    kind = "image/png" if key.endswith(".png") else "image/jpeg"
    return StreamingResponse(at.store.read_range(key), media_type=kind, headers=headers)


async def track_download(request: Request) -> Response:
    """Enqueue it; what waits or runs already is left to itself."""
    track = track_of(request)
    async with services(request).database.session() as session:
        row = await session.one("download_again", id=track, user_id=user(request).id)
    if row is None:
        raise Missing
    if row["job"] is None:
        raise Unusable("This track was uploaded: upload it again.", 409)
    return done(request, f"/tracks/{track}")
