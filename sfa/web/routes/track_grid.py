"""POST /tracks/{id}/grid: correct the beat grid, without another analysis.

One of ``factor`` (2, 0.5, …), ``shift_ms``, ``taps`` (seconds in the track, separated by spaces or commas), ``downbeat``
(seconds), ``tempo`` (BPM), ``metre`` (beats a bar), or ``reset``. The rules are the database's (``sfa_grid_correct``).
"""

from __future__ import annotations

import math
import re
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from sfa.web.addresses import track_of
from sfa.web.answers import done
from sfa.web.failures import Missing, Unusable
from sfa.web.services import services, user

NUMBERS = ("factor", "shift_ms", "downbeat", "tempo", "metre")
MOST_TAPS = 500


async def track_grid(request: Request) -> Response:
    """Correct a grid, or take every correction back."""
    async with request.form(max_files=0, max_fields=8) as form:
        reset, wanted = "reset" in form, _wanted(form)
    track_id = track_of(request)
    async with services(request).database.session() as session:
        owned = {"id": track_id, "user_id": user(request).id}
        if reset:
            row = await session.one("grid_reset", **owned)
        else:
            row = await session.one("grid_correct", **owned, **wanted)
    if row is None:
        raise Missing
    return done(request, f"/tracks/{track_id}")


def _wanted(form: FormData) -> dict[str, Any]:
    """What the form names, as numbers; Unusable where it is none."""
    wanted: dict[str, Any] = {name: _number(form, name) for name in NUMBERS}
    taps = [part for part in re.split(r"[\s,;]+", str(form.get("taps") or "")) if part]
    if len(taps) > MOST_TAPS:
        raise Unusable(f"At most {MOST_TAPS} taps at a time.")
    wanted["taps"] = [_parsed("taps", part) for part in taps] or None
    return wanted


def _number(form: FormData, name: str) -> float | None:
    text = str(form.get(name) or "").strip()
    return _parsed(name, text) if text else None


def _parsed(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Unusable(f"{name} must be a number, not “{text[:20]}”.")
    return value
