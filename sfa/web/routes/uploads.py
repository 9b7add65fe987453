"""An upload in pieces: POST /uploads announces a file, PATCH /uploads/{id} brings a piece, HEAD says how far it is, DELETE gives it up.

The headers are those of tus (Upload-Length, Upload-Offset): a piece begins where the file ends (409 and the right offset
otherwise). The last piece answers 201 with the track.
"""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sfa.db import Row
from sfa.objects import pinned
from sfa.told import told
from sfa.web.addresses import identity
from sfa.web.failures import RULES, Missing, Unusable
from sfa.web.resumed import MOST, Misplaced, append, expire, forget, key_of, length, path_of
from sfa.web.routes.tracks_upload import enqueued
from sfa.web.services import services, user
from sfa.web.uploads import too_large

NAME = 500


async def upload_begin(request: Request) -> Response:
    """Announce a file: X-Filename (percent-encoded), Upload-Length in bytes, ?model=."""
    at, text = services(request), request.headers.get("upload-length", "")
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise Unusable("Say how long the file is (Upload-Length, in bytes).", 400)
    limit = at.config.upload_limit_mb * 1_000_000
    if int(text) > limit:
        raise Unusable(too_large(limit), 413)
    await expire(at.config, at.database)
    name = unquote(request.headers.get("x-filename", "")).strip()[:NAME] or "upload"
    model = request.query_params.get("model", "")[:64]
    async with at.database.session() as session:
        if model and model not in {each["name"] for each in await session.all("model_list")}:
            rule = RULES["processing_jobs_model_fkey"]
            raise Unusable(rule, 422)
        row = await session.one(
            "upload_begin",
            user_id=user(request).id,
            name=name,
            bytes=int(text),
            model=model,
            most=MOST,
        )
    if row is None:
        raise Unusable(f"There are {MOST} files on their way already: let some arrive first.", 429)
    headers = {"location": f"/uploads/{row['id']}", "upload-offset": "0"}
    return JSONResponse({"id": str(row["id"])}, 201, headers=headers)


async def upload_part(request: Request) -> Response:
    """HEAD: how far it is. PATCH: one piece. DELETE: give it up."""
    at, id_ = services(request), identity(request.path_params["id"])
    who = {"id": id_, "user_id": user(request).id}
    async with at.database.session() as session:
        row = await session.one(
            "upload_end" if request.method == "DELETE" else "upload_find", **who
        )
    if row is None:
        raise Missing
    if request.method == "DELETE":
        forget(at.config, id_)
        return Response(status_code=204)
    if row["track_id"] is not None:
        return _there(row["track_id"], row["bytes"])
    if request.method == "HEAD":
        return Response(headers={"upload-offset": str(length(at.config, id_)), "upload-length": str(row["bytes"])})  # fmt: skip
    return await _piece(request, row)


async def _piece(request: Request, row: Row) -> Response:
    at, offset = services(request), request.headers.get("upload-offset", "")
    if not (offset.isascii() and offset.isdigit()):
        raise Unusable("Say where the piece begins (Upload-Offset, in bytes).", 400)
    try:
        have = await append(
            at.config, row["id"], row["name"], int(offset), row["bytes"], request.stream()
        )
    except Misplaced as error:
        headers = {"upload-offset": str(error.offset)}
        return JSONResponse({"error": told(str(error))}, 409, headers=headers)
    if have < row["bytes"]:
        return Response(status_code=204, headers={"upload-offset": str(have)})
    path = path_of(at.config, row["id"])
    key = await asyncio.to_thread(key_of, path)
    async with pinned(at.database, key):
        await at.store.copy_file(key, path)
        track_id, title = await enqueued(request, key, row["name"], row["model"], row["id"])
    forget(at.config, row["id"])
    return _there(track_id, row["bytes"], title)


def _there(track_id: object, size: int, title: str = "") -> Response:
    address = f"/tracks/{track_id}"
    body = {"id": str(track_id), "title": title, "address": address}
    return JSONResponse(body, 201, headers={"location": address, "upload-offset": str(size)})
