"""GET /tracks/{id}/waveform: a stretch of the waveform, drawn as wide as is asked for.

``stem`` (an id; without it the mix), ``from`` and ``to`` (seconds; the whole), ``columns`` (1 to 4000; 1000). The answer's
``min`` and ``max`` have at most so many columns, -127..127, of equal length between the answer's ``from`` and ``to``.
It may be kept for an hour; ``v`` says nothing here, but keeps apart what is kept of other audio.
"""

from __future__ import annotations

import itertools
import math

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sfa.web.addresses import identity, track_of
from sfa.web.failures import Missing, Unusable
from sfa.web.services import services, user

MOST = 4000
FOREVER = 1e6


async def track_waveform(request: Request) -> Response:
    """A slice of the finest waveform, pooled."""
    start, end = _number(request, "from", 0.0), _number(request, "to", FOREVER)
    columns = int(_number(request, "columns", 1000.0))
    if not 0 <= start < end or not 1 <= columns <= MOST:
        raise Unusable(f"Ask for from < to in seconds, and 1 to {MOST} columns.")
    stem = request.query_params.get("stem", "")
    async with services(request).database.session() as session:
        row = await session.one(
            "waveform_slice",
            id=track_of(request),
            user_id=user(request).id,
            stem=identity(stem) if stem else None,
            start=start,
            end=min(end, FOREVER),
        )
    if row is None:
        raise Missing
    lows, highs = bytes(row["lows"]), bytes(row["highs"])
    count = min(columns, len(lows))
    edges = [len(lows) * n // count for n in range(count + 1)] if count else [0]
    spans = list(itertools.pairwise(edges))
    return JSONResponse(
        {
            "from": row["first"] / row["per_second"],
            "to": (row["first"] + len(lows)) / row["per_second"],
            "min": [min(lows[a:b]) - 128 for a, b in spans],
            "max": [max(highs[a:b]) - 128 for a, b in spans],
        },
        headers={"cache-control": "private, max-age=3600"},
    )


def _number(request: Request, name: str, default: float) -> float:
    text = request.query_params.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Unusable(f"{name} must be a number.")
    return value
