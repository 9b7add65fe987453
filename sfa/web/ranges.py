"""Send an object of the store, whole or the range that was asked for.

A local folder is served as files (Starlette's own ranges); a remote store is read range by range, in pieces of
1 MiB. Limit: from a remote store one range a request; of several the whole object is sent instead, as HTTP allows.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from sfa.errors import ObjectMissing
from sfa.sniff import CONTENT_TYPES
from sfa.store import Store

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def parsed(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte of the range; None: send it all. ValueError: no such bytes."""
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size - 1
        if not int(last):
            raise ValueError
        return start, end
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    if start >= size or (last and int(last) < start):
        raise ValueError
    return start, end


async def audio(
    request: Request, store: Store, key: str, name: str, whole_name: bool = False
) -> Response:
    """The object as a response; with ``?download`` browsers save it under ``name``, to which the key's suffix is
    added unless it is the ``whole_name``."""
    suffix = key.rsplit(".", 1)[-1]
    media_type = CONTENT_TYPES.get(suffix, "application/octet-stream")
    disposition = "attachment" if "download" in request.query_params else "inline"
    headers = {"cache-control": "private, max-age=3600"}
    size = await store.size(key)
    path = store.local_path(key)
    local = FileResponse(
        path or "",
        headers=headers,
        media_type=media_type,
        filename=name if whole_name else f"{name}.{suffix}",
        content_disposition_type=disposition,
    )
    if path is not None:
        if not path.is_file():
            raise ObjectMissing
        return local
    headers |= {
        "accept-ranges": "bytes",
        "content-disposition": local.headers["content-disposition"],
    }
    try:
        wanted = parsed(request.headers.get("range"), size)
    except ValueError:
        return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
    start, end = wanted or (0, size - 1)
    headers["content-length"] = str(end - start + 1)
    if wanted:
        headers["content-range"] = f"bytes {start}-{end}/{size}"
    body = store.read_range(key, start, end - start + 1)
    return StreamingResponse(body, 206 if wanted else 200, headers=headers, media_type=media_type)
