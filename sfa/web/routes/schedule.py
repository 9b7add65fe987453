"""GET /schedule: what runs by the clock. POST /schedule/{name}: pause, resume, run now, another time (administrators)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.accounts import audit
from sfa.web.answers import done
from sfa.web.failures import Forbidden, Missing, Unusable
from sfa.web.pages.page import stream_address
from sfa.web.pages.schedule import Schedule
from sfa.web.services import html, is_admin, services, user


async def schedule(request: Request) -> Response:
    """The page of the schedules."""
    page = Schedule(user(request).id, is_admin(request))
    async with services(request).database.session() as session:
        values = await page.load(session)
    return html(request, "schedule.html", stream=stream_address(page), **values)


async def schedule_steer(request: Request) -> Response:
    """Do it; what is wrong with a time is the table's to say."""
    if not is_admin(request):
        raise Forbidden
    name = request.path_params["name"]
    async with request.form(max_files=0, max_fields=4) as form:
        verb, cron = str(form.get("verb") or ""), str(form.get("cron") or "").strip()
        zone = str(form.get("time_zone") or "").strip() or "UTC"
    async with services(request).database.transaction() as session:
        if verb in ("pause", "resume"):
            row = await session.one("schedule_pause", name=name, paused=verb == "pause")
        elif verb == "run":
            row = await session.one("schedule_run", name=name)
        elif verb == "change" and cron:
            row = await session.one("schedule_change", name=name, cron=cron[:100], time_zone=zone[:100])  # fmt: skip
        else:
            raise Unusable("Say when: minute, hour, day, month, weekday, as in “17 * * * *”.", 422)
        if row is not None:
            await audit(session, user(request).id, f"schedule.{verb}", name)
    if row is None:
        raise Missing
    return done(request, "/schedule")
