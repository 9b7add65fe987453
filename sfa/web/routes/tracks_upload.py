"""POST /tracks: an upload becomes a track and its first job, in one transaction.

A script sends the raw file with its name in X-Filename (percent-encoded) or ?name=, and the model in ?model=;
the form without JavaScript sends multipart.
"""

from __future__ import annotations

from urllib.parse import unquote
from uuid import UUID

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from sfa.web.failures import Missing, Unusable
from sfa.web.models import choices, preset
from sfa.web.services import services, user, wants_json
from sfa.web.uploads import pieces, receive, titled, too_large


async def tracks_upload(request: Request) -> Response:
    """Take the audio, then write the rows."""
    at = services(request)
    limit = at.config.upload_limit_mb * 1_000_000
    if int(request.headers.get("content-length") or 0) > limit:
        raise Unusable(too_large(limit), 413)
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_files=1, max_fields=5) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile) or not file.filename:
                raise Unusable("Choose a file first.", 400)
            async with receive(at, pieces(file), file.filename, limit) as key:
                return _answer(
                    request,
                    *await enqueued(request, key, file.filename, str(form.get("model") or "")),
                )
    query = request.query_params
    name = unquote(request.headers.get("x-filename", "")) or query.get("name", "") or "upload"
    async with receive(at, request.stream(), name, limit) as key:
        return _answer(request, *await enqueued(request, key, name, query.get("model", "")))


async def enqueued(
    request: Request, key: str, name: str, model: str, upload: UUID | None = None
) -> tuple[UUID, str]:
    """Write the track and its first job, and what the upload became, all at once: the track's id and title."""
    at = services(request)
    title, artist = titled(name)
    size = await at.store.size(key)
    async with at.database.transaction() as session:
        model = model or preset(await choices(session, at.config), at.config)
        owner = user(request).id
        track = await session.one(
            "track_insert",
            user_id=owner,
            title=title,
            artist=artist,
            audio_key=key,
            audio_bytes=size,
        )
        if track is None:
            raise Missing
        await session.one(
            "job_separate", track_id=track["id"], user_id=owner, model=model, options="{}"
        )
        if upload is not None:
            await session.run("upload_done", id=upload, track_id=track["id"])
    return track["id"], title


def _answer(request: Request, track_id: UUID, title: str) -> Response:
    address = f"/tracks/{track_id}"
    if wants_json(request):
        body = {"id": str(track_id), "title": title, "address": address}
        return JSONResponse(body, 201, headers={"location": address})
    return RedirectResponse(address, 303)
