"""POST /tracks/{id}/cues: a cue point or a loop. POST /cues/{id}: move it, name it, make it of another kind, delete it.

Fields: ``at`` and, for a loop, ``end`` (seconds), ``type`` (hot, memory, loop_in), ``label``, ``free`` (anything: not on the nearest
beat), ``verb`` (change, delete). What the rules of the table refuse is said in words.
"""

from __future__ import annotations

import math

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from sfa.web.addresses import identity, track_of
from sfa.web.answers import done
from sfa.web.failures import Missing, Unusable
from sfa.web.services import services, user

TYPES = ("hot", "memory", "loop_in")


async def cue_add(request: Request) -> Response:
    """Set a cue point, or a loop where there is an end."""
    async with request.form(max_files=0, max_fields=6) as form:
        at, end, kind = _place(form, "at"), _place(form, "end"), _kind(form) or "memory"
        label, snap = str(form.get("label") or "").strip(), not form.get("free")
    if at is None:
        raise Unusable("Say where: a place in seconds.", 400)
    track_id = track_of(request)
    values = {"track_id": track_id, "user_id": user(request).id, "position_ms": at, "label": label, "colour": None, "snap": snap}  # fmt: skip
    async with services(request).database.transaction() as session:
        if kind == "loop_in":
            if end is None or end <= at:
                raise Unusable("A loop ends after it has begun.", 422)
            row = await session.one("cue_add_loop", end_ms=end, **values)
        else:
            row = await session.one("cue_add", cue_type=kind, **values)
    if row is None:
        raise Missing
    return done(request, f"/tracks/{track_id}#cues")


async def cue_change(request: Request) -> Response:
    """Change or delete one."""
    async with request.form(max_files=0, max_fields=6) as form:
        verb, at, kind = str(form.get("verb") or "change"), _place(form, "at"), _kind(form)
        label, snap = form.get("label"), not form.get("free")
    who = {"id": identity(request.path_params["id"]), "user_id": user(request).id}
    async with services(request).database.transaction() as session:
        if verb == "delete":
            row = await session.one("cue_delete", **who)
        else:
            text = None if label is None else str(label).strip()
            row = await session.one("cue_change", label=text, cue_type=kind, **who)
            if row is not None and at is not None:
                await session.one("cue_move", position_ms=at, snap=snap, **who)
    if row is None:
        raise Missing
    return done(request, f"/tracks/{row['track_id']}#cues")


def _place(form: FormData, name: str) -> int | None:
    """Milliseconds of a field in seconds."""
    text = str(form.get(name) or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        raise Unusable(f"“{text[:20]}” is no place in seconds.", 400) from None
    if not math.isfinite(seconds) or not 0 <= seconds <= 1_000_000:
        raise Unusable("A place lies between the beginning and the end of the track.", 422)
    return round(seconds * 1000)


def _kind(form: FormData) -> str | None:
    kind = str(form.get("type") or "")
    if kind and kind not in TYPES:
        raise Unusable(f"There is no kind of cue point “{kind[:20]}”. There are: hot, memory, loop_in.", 400)  # fmt: skip
    return kind or None
