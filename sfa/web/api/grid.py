"""The beat grid by the API: read it, correct it (double, halve, shift, tap, set), take every correction back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sfa.web.addresses import identity
from sfa.web.api.answer import Answer
from sfa.web.api.operation import Call
from sfa.web.api.shapes import shaped
from sfa.web.failures import Missing

NUMBERS = ("factor", "shift_ms", "downbeat", "tempo")


async def grid_show(call: Call) -> Answer:
    """The grid that counts."""
    return Answer(await _grid(call, _id(call)))


async def grid_correct(call: Call) -> Answer:
    """Correct it without another analysis; the rules are the database's (``sfa_grid_correct``)."""
    id_, said = _id(call), call.body
    wanted: dict[str, Any] = {name: float(said[name]) if name in said else None for name in NUMBERS}
    wanted["metre"] = int(said["metre"]) if "metre" in said else None
    wanted["taps"] = [float(tap) for tap in said["taps"]] if "taps" in said else None
    if await call.session.one("grid_correct", id=id_, user_id=call.user.id, **wanted) is None:
        raise Missing
    return Answer(await _grid(call, id_))


async def grid_reset(call: Call) -> Answer:
    """The grid as analysed again."""
    id_ = _id(call)
    if await call.session.one("grid_reset", id=id_, user_id=call.user.id) is None:
        raise Missing
    return Answer(await _grid(call, id_))


async def _grid(call: Call, id_: UUID) -> dict[str, Any]:
    row = await call.session.one("grid_show", id=id_, user_id=call.user.id)
    if row is None:
        raise Missing
    if row["source"] is None:
        raise Missing("This track was not analysed yet.")
    return shaped("Grid", row)


def _id(call: Call) -> UUID:
    return identity(call.request.path_params["id"])
