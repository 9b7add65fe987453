"""POST /tracks/{id}/export: a mix, a zip or a .stem.mp4 of a separation; GET /media/exports/{id}: what it made.

Form fields: job (the separation's id); package mix | zip | stem.mp4; optional format and bits; for a mix gain:NAME in dB, one
for each stem that is to be heard (none at all: every stem as it is). A live page shows the export when it is there.
"""

from __future__ import annotations

import json

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from sfa.web.addresses import identity, track_of
from sfa.web.answers import done
from sfa.web.failures import Missing, Unusable
from sfa.web.ranges import audio
from sfa.web.services import services, user

GAIN = "gain:"


async def track_export(request: Request) -> Response:
    """Enqueue an export."""
    async with request.form(max_files=0, max_fields=40) as form:
        separation, options = identity(str(form.get("job") or "")), _options(form)
    track_id = track_of(request)
    async with services(request).database.session() as session:
        row = await session.one(
            "job_export",
            track_id=track_id,
            user_id=user(request).id,
            separation=str(separation),
            options=json.dumps(options),
        )
    if row is None:
        raise Missing
    return done(request, f"/tracks/{track_id}?job={separation}")


async def media_export(request: Request) -> Response:
    """An export's file, in ranges."""
    at, export_id = services(request), identity(request.path_params["id"])
    async with at.database.session() as session:
        row = await session.one("export_show", id=export_id, user_id=user(request).id)
    if row is None:
        raise Missing
    return await audio(request, at.store, row["audio_key"], row["file_name"], whole_name=True)


def _options(form: FormData) -> dict[str, object]:
    options: dict[str, object] = {"package": str(form.get("package") or "mix")}
    if form.get("format"):
        options["format"] = str(form["format"])
    try:
        if form.get("bits"):
            options["bits"] = int(str(form["bits"]))
        gains = {
            name.removeprefix(GAIN): float(str(value))
            for name, value in form.multi_items()
            if name.startswith(GAIN) and str(value).strip()
        }
    except ValueError:
        raise Unusable("Gains are numbers of decibels.", 400) from None
    return options | ({"gains": gains} if gains else {})
