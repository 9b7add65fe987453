"""POST /tracks/{id}/separate: the same track once more, with the model of the form."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.addresses import track_of
from sfa.web.answers import done
from sfa.web.failures import Missing, Unusable
from sfa.web.services import services, user


async def track_separate(request: Request) -> Response:
    """Enqueue a separation."""
    async with request.form(max_files=0, max_fields=3) as form:
        model, kind = str(form.get("model") or ""), str(form.get("format") or "")
    if not model:
        raise Unusable("Choose a model first.", 400)
    track_id = track_of(request)
    async with services(request).database.session() as session:
        row = await session.one(
            "job_separate",
            track_id=track_id,
            user_id=user(request).id,
            model=model,
            options=json.dumps({"format": kind} if kind else {}),
        )
    if row is None:
        raise Missing
    return done(request, f"/tracks/{track_id}")
