"""Tracks by the API: list, show, upload, delete; their stems, analysis and exports."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sfa.accounts import User
from sfa.db import Row, Session
from sfa.objects import sweep
from sfa.web.addresses import identity
from sfa.web.api.answer import Answer
from sfa.web.api.idempotency import once
from sfa.web.api.operation import Call, allow
from sfa.web.api.paging import before_of, size_of
from sfa.web.api.shapes import paged, shaped
from sfa.web.failures import Missing, Unusable
from sfa.web.models import choices, preset
from sfa.web.services import Services, services, user
from sfa.web.uploads import receive, titled, too_large


async def tracks_list(call: Call) -> Answer:
    """One page of the user's tracks."""
    size, (at, id_) = size_of(call.query), before_of(call.query)
    rows = await call.session.all(
        "track_list", user_id=call.user.id, q=call.query.get("q", "")[:200],
        before_at=at, before_id=id_, size=size + 1,
    )  # fmt: skip
    return Answer(paged("Track", [row | {"stems": row["stems"] or []} for row in rows], size))


async def track_show(call: Call) -> Answer:
    """One track."""
    row = await _track(call)
    return Answer(shaped("TrackDetail", row, has_audio=row["audio_key"] is not None))


async def track_stems(call: Call) -> Answer:
    """The stems of a track, of every separation."""
    track = await _track(call)
    rows = await call.session.all("stem_list", track_id=track["id"], user_id=call.user.id)
    return Answer({"items": [shaped("Stem", row, job_id=row["processing_job_id"]) for row in rows]})


async def track_analysis(call: Call) -> Answer:
    """The newest analysis, with everything in it."""
    track = await _track(call)
    row = await call.session.one("track_features", id=track["id"], user_id=call.user.id)
    if row is None:
        raise Missing("This track was not analysed yet.")
    return Answer(shaped("Analysis", row))


async def track_exports(call: Call) -> Answer:
    """What was made of a track's separations."""
    track = await _track(call)
    rows = await call.session.all("export_list", track_id=track["id"], user_id=call.user.id)
    return Answer(
        {"items": [shaped("Export", row, job_id=row["processing_job_id"]) for row in rows]}
    )


async def track_delete(request: Request) -> Response:
    """Delete a track with all that was made of it."""
    at, track_id = services(request), identity(request.path_params["id"])
    async with at.database.session() as session:
        gone = await session.one("track_delete", id=track_id, user_id=user(request).id)
    if gone is None:
        raise Missing
    await sweep(at.database, at.store, gone["keys"])
    return Response(status_code=204)


async def track_upload(request: Request) -> Response:
    """Take the body as audio; a track and, unless ``model`` is “none”, a separation, in one transaction."""
    at, who, query = services(request), user(request), request.query_params
    limit = at.config.upload_limit_mb * 1_000_000
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and len(declared) < 19 and int(declared) > limit:
        raise Unusable(too_large(limit), 413)
    allow(request, "write")
    name = query.get("name", "") or "upload"
    async with (
        receive(at, request.stream(), name, limit) as audio_key,
        at.database.transaction() as session,
    ):
        key, again = request.headers.get("idempotency-key"), False
        if key is None:
            answer = await _upload(at, session, who, request, audio_key)
        else:
            # The audio's key is its hash: the body need not be kept to know it again.
            mark = hashlib.sha256(f"upload\n{request.url.query}\n{audio_key}".encode()).digest()
            answer, again = await once(
                session, who.id, key, mark, lambda: _upload(at, session, who, request, audio_key)
            )
    headers = {"location": answer.location or ""}
    if again:
        headers["idempotency-replayed"] = "true"
    return JSONResponse(answer.body, answer.status, headers)


async def _upload(
    at: Services, session: Session, who: User, request: Request, audio_key: str
) -> Answer:
    query = request.query_params
    title, artist = titled(query.get("name", "") or "upload")
    track = await session.one(
        "track_insert", user_id=who.id, title=query.get("title", "") or title,
        artist=query.get("artist", "") or artist, audio_key=audio_key,
        audio_bytes=await at.store.size(audio_key),
    )  # fmt: skip
    if track is None:
        raise Missing
    model = query.get("model", "") or preset(await choices(session, at.config), at.config)
    job = None
    if model != "none":
        job = await session.one(
            "job_separate", track_id=track["id"], user_id=who.id, model=model, options="{}"
        )
    made = shaped("Uploaded", track, job_id=job and job["id"])
    return Answer(made, 201, f"/api/v1/tracks/{track['id']}")


async def _track(call: Call) -> Row:
    track_id = identity(call.request.path_params["id"])
    row = await call.session.one("track_show", id=track_id, user_id=call.user.id)
    if row is None:
        raise Missing
    return row
