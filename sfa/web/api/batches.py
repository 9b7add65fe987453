"""Batches by the API: many tracks and one operation, with one progress; retried where it failed, cancelled as a whole."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from sfa.db import Row
from sfa.web.addresses import identity
from sfa.web.api.answer import Answer
from sfa.web.api.batch_schemas import MEMBER_STATES
from sfa.web.api.operation import Call, Parameter
from sfa.web.api.paging import PIECES, before_of, piece_of, size_of
from sfa.web.api.shapes import paged, shaped
from sfa.web.api.waiting import waiting
from sfa.web.failures import Missing, Unusable

MEMBERS = (
    Parameter(
        "status",
        "Only members of this status.",
        {"type": "string", "enum": list(MEMBER_STATES)},
    ),
    *PIECES,
)
RETRY = (
    Parameter(
        "cancelled",
        "`true`: what was cancelled starts afresh, too.",
        {"type": "string", "enum": ["true", "false"], "default": "false"},
    ),
)


async def batches_list(call: Call) -> Answer:
    """One page of the user's batches."""
    size, (at, id_) = size_of(call.query), before_of(call.query)
    rows = await call.session.all(
        "batch_list", user_id=call.user.id, before_at=at, before_id=id_, size=size + 1
    )
    return Answer(paged("Batch", [_plain(row) for row in rows], size))


async def batch_show(call: Call) -> Answer:
    """One batch."""
    return Answer(shown(await _batch(call, _id(call))))


async def batch_make(call: Call) -> Answer:
    """One operation on many tracks, or on those of an import; every one of them must be the user's."""
    said = call.body
    if ("track_ids" in said) == ("import_id" in said):
        raise Unusable("Say which tracks: track_ids, or an import_id; one of the two.")
    values: dict[str, Any] = {
        "user_id": call.user.id, "operation": said["operation"], "model": said.get("model"),
        "title": said.get("title"), "options": json.dumps(said.get("options", {})),
        "preview": said.get("preview", False), "fallback": said.get("fallback"),
        "priority": int(said.get("priority", 0)), **await waiting(call),
    }  # fmt: skip
    if "import_id" in said:
        made = await call.session.one("batch_add_import", id=UUID(said["import_id"]), **values)
        missing = "There is no such import, or it belongs to somebody else."
    else:
        # What is named twice is one member.
        ids = list(dict.fromkeys(UUID(text) for text in said["track_ids"]))
        made = await call.session.one("batch_add_named", ids=ids, **values)
        missing = "One of the tracks does not exist, or belongs to somebody else."
    if made is None:
        raise Missing(missing)
    row = await _batch(call, made["id"])
    return Answer(shown(row), 201, f"/api/v1/batches/{made['id']}")


async def batch_members(call: Call) -> Answer:
    """A piece of the members."""
    id_ = _id(call)
    await _batch(call, id_)
    status = call.query.get("status") or None
    if status not in (None, *MEMBER_STATES):
        raise Unusable(f"status is one of {', '.join(MEMBER_STATES)}.", 400)
    size, after = piece_of(call.query)
    rows = await call.session.all(
        "batch_members_page",
        id=id_,
        user_id=call.user.id,
        status=status,
        after=after,
        size=size + 1,
    )
    more, rows = len(rows) > size, rows[:size]
    items = [shaped("BatchMember", row) for row in rows]
    return Answer({"items": items, "next": rows[-1]["position"] if more else None})


async def batch_retry(call: Call) -> Answer:
    """What failed or was refused starts afresh; what was cancelled only where that is said."""
    cancelled = call.query.get("cancelled") or "false"
    if cancelled not in ("true", "false"):
        raise Unusable("cancelled is true or false.", 400)
    return await _steered(call, "batch_retry", cancelled=cancelled == "true")


async def batch_cancel(call: Call) -> Answer:
    """What has not ended is cancelled."""
    return await _steered(call, "batch_cancel")


async def _steered(call: Call, statement: str, **more: bool) -> Answer:
    id_ = _id(call)
    row = await call.session.one(statement, id=id_, user_id=call.user.id, **more)
    if row is None:
        raise Missing
    return Answer({"jobs": row["jobs"], "batch": shown(await _batch(call, id_))})


async def _batch(call: Call, id_: UUID) -> Row:
    row = await call.session.one("batch_show", id=id_, user_id=call.user.id)
    if row is None:
        raise Missing
    return row


def _plain(row: Row) -> Row:
    # A rounded average is a numeric, which is no number in JSON.
    return row | {"progress": float(row["progress"])}


def shown(row: Row) -> dict[str, Any]:
    """A batch as the API tells it."""
    return shaped("Batch", _plain(row))


def _id(call: Call) -> UUID:
    return identity(call.request.path_params["id"])
