"""Cue points and loops by the API, by the same rules as the page's: on the nearest beat unless ``snap`` is false."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sfa.db import Row
from sfa.web.addresses import identity
from sfa.web.api.answer import Answer
from sfa.web.api.operation import Call
from sfa.web.api.shapes import shaped
from sfa.web.failures import Missing, Unusable


async def cues_list(call: Call) -> Answer:
    """The cue points of a track."""
    track = {"track_id": _id(call), "user_id": call.user.id}
    if await call.session.one("track_own", **track) is None:
        raise Missing
    rows = await call.session.all("cue_list", **track)
    return Answer({"items": [shaped("Cue", row) for row in rows]})


async def cue_show(call: Call) -> Answer:
    """One cue point."""
    return Answer(shaped("Cue", await _cue(call, _id(call))))


async def cue_make(call: Call) -> Answer:
    """Set a cue point, or a loop where there is an end."""
    said, loop = call.body, "end_ms" in call.body
    kind = said.get("cue_type", "loop_in" if loop else "memory")
    if loop != (kind == "loop_in"):
        raise Unusable("A loop has a place and an end_ms; a cue point has no end_ms.")
    values: dict[str, Any] = {
        "track_id": _id(call), "user_id": call.user.id, "position_ms": int(said["position_ms"]),
        "label": said.get("label", ""), "colour": said.get("colour"), "snap": said.get("snap", True),
    }  # fmt: skip
    if loop:
        made = await call.session.one("cue_add_loop", end_ms=int(said["end_ms"]), **values)
    else:
        made = await call.session.one("cue_add", cue_type=kind, **values)
    if made is None:
        raise Missing
    row = await _cue(call, made["id"])
    return Answer(shaped("Cue", row), 201, f"/api/v1/cues/{made['id']}")


async def cue_change(call: Call) -> Answer:
    """Move it, name it, make it of another kind; all of it or nothing."""
    id_, said = _id(call), call.body
    row, owned = await _cue(call, id_), {"id": id_, "user_id": call.user.id}
    loop, kind = row["end_ms"] is not None, said.get("cue_type")
    if loop and kind is not None:
        raise Unusable("A loop stays a loop: delete it and set a cue point.")
    if not loop and "end_ms" in said:
        raise Unusable("This is no loop: it has no end.")
    if said.get("pad") is not None and (kind or row["cue_type"]) != "hot":
        raise Unusable("A hot cue lies on a pad, no other.")
    pad = said.get("pad")
    await call.session.run(
        "cue_put", cue_type=kind, label=said.get("label"),
        colour_given="colour" in said, colour=said.get("colour"),
        pad_given="pad" in said, pad=pad if pad is None else int(pad), **owned,
    )  # fmt: skip
    place, snap = said.get("position_ms"), said.get("snap", True)
    if "end_ms" in said:
        await call.session.run(
            "cue_place_loop", position_ms=place if place is None else int(place),
            end_ms=int(said["end_ms"]), snap=snap, **owned,
        )  # fmt: skip
    elif place is not None:
        await call.session.run("cue_move", position_ms=int(place), snap=snap, **owned)
    return Answer(shaped("Cue", await _cue(call, id_)))


async def cue_delete(call: Call) -> Answer:
    """Delete one; a loop goes as a whole, and an automatic one does not come back."""
    row = await call.session.one("cue_delete", id=_id(call), user_id=call.user.id)
    if row is None:
        raise Missing
    return Answer(status=204)


async def _cue(call: Call, id_: UUID) -> Row:
    row = await call.session.one("cue_show", id=id_, user_id=call.user.id)
    if row is None:
        raise Missing
    return row


def _id(call: Call) -> UUID:
    return identity(call.request.path_params["id"])
