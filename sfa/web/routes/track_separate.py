"""POST /tracks/{id}/separate: the same track once more, with the model and the options of the form.

Fields: ``model``; optional ``format`` (wav, flac, mp3), ``stems`` (several times), ``precision`` (exact, fast, fastest), ``overlap``
(0 to 0.9) and ``device`` (auto, cpu, cuda, mps). What is wrong with them is the table's to say.
"""

from __future__ import annotations

import json
import math

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from sfa.web.addresses import track_of
from sfa.web.answers import done
from sfa.web.failures import Missing, Unusable
from sfa.web.services import services, user


async def track_separate(request: Request) -> Response:
    """Enqueue a separation."""
    async with request.form(max_files=0, max_fields=20) as form:
        model, options = str(form.get("model") or ""), options_of(form)
    if not model:
        raise Unusable("Choose a model first.", 400)
    track_id = track_of(request)
    async with services(request).database.session() as session:
        row = await session.one(
            "job_separate",
            track_id=track_id,
            user_id=user(request).id,
            model=model,
            options=json.dumps(options),
        )
    if row is None:
        raise Missing
    return done(request, f"/tracks/{track_id}")


def options_of(form: FormData) -> dict[str, object]:
    """The options that are set."""
    options: dict[str, object] = {}
    for name in ("format", "precision", "device"):
        if value := str(form.get(name) or ""):
            options[name] = value
    if stems := [str(stem) for stem in form.getlist("stems") if stem]:
        options["stems"] = stems
    if text := str(form.get("overlap") or "").strip():
        try:
            overlap = float(text)
        except ValueError:
            overlap = math.nan
        if not 0 <= overlap <= 0.9:
            raise Unusable("The overlap of two segments lies between 0 and 0.9.", 422)
        options["overlap"] = overlap
    return options
