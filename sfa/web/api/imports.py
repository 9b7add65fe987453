"""Imports by the API: an address becomes a list, of which some are chosen."""

from __future__ import annotations

from uuid import UUID

from sfa.db import Row
from sfa.web.addresses import identity
from sfa.web.api.answer import Answer
from sfa.web.api.operation import Call
from sfa.web.api.paging import before_of, piece_of, size_of
from sfa.web.api.shapes import paged, shaped
from sfa.web.api.waiting import waiting
from sfa.web.failures import Missing


async def imports_list(call: Call) -> Answer:
    """One page of the user's imports."""
    size, (at, id_) = size_of(call.query), before_of(call.query)
    rows = await call.session.all(
        "api_import_list", user_id=call.user.id, before_at=at, before_id=id_, size=size + 1
    )
    return Answer(paged("Import", rows, size))


async def import_show(call: Call) -> Answer:
    """One import."""
    return Answer(shaped("Import", await _import(call, _id(call))))


async def import_make(call: Call) -> Answer:
    """List what lies behind an address."""
    made = await call.session.one(
        "api_import_add", user_id=call.user.id, address=call.body["address"],
        choose=call.body.get("choose", True),
        then_model=call.body.get("then_model", call.at.config.model), **await waiting(call),
    )  # fmt: skip
    assert made is not None
    row = await _import(call, made["id"])
    return Answer(shaped("Import", row), 201, f"/api/v1/imports/{made['id']}")


async def import_items(call: Call) -> Answer:
    """A piece of what was found."""
    id_ = _id(call)
    await _import(call, id_)
    size, after = piece_of(call.query)
    rows = await call.session.all(
        "api_import_items", id=id_, user_id=call.user.id, after=after, size=size + 1
    )
    more, rows = len(rows) > size, rows[:size]
    items = [
        shaped("ImportItem", row, job_id=row["download_job_id"] and str(row["download_job_id"]))
        for row in rows
    ]
    return Answer({"items": items, "next": rows[-1]["position"] if more else None})


async def import_choose(call: Call) -> Answer:
    """Have some of it, or all."""
    id_ = _id(call)
    await _import(call, id_)
    row = await call.session.one("import_choose", id=id_, positions=call.body["positions"])
    return Answer({"enqueued": int(row["enqueued"] or 0) if row else 0})


async def _import(call: Call, id_: UUID) -> Row:
    row = await call.session.one("api_import_show", id=id_, user_id=call.user.id)
    if row is None:
        raise Missing
    return row


def _id(call: Call) -> UUID:
    return identity(call.request.path_params["id"])
