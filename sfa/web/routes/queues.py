"""GET /queues: what waits and runs where. POST /queues/{name}: pause, resume, limit (administrators)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.answers import done
from sfa.web.failures import Forbidden, Missing, Unusable
from sfa.web.pages.page import stream_address
from sfa.web.pages.queues import Queues
from sfa.web.services import html, is_admin, services, user


async def queues(request: Request) -> Response:
    """The page of the queues."""
    page = Queues(is_admin(request), user(request).id)
    async with services(request).database.session() as session:
        values = await page.load(session)
    return html(request, "queues.html", stream=stream_address(page), **values)


def _whole(text: object, most: int) -> bool:
    return (
        isinstance(text, str)
        and text.isascii()
        and text.isdigit()
        and len(text) < 7
        and 1 <= int(text) <= most
    )


async def queue_steer(request: Request) -> Response:
    """Pause with a reason, resume, or set how many jobs a worker, and all together, run at a time."""
    if not is_admin(request):
        raise Forbidden
    name = request.path_params["name"]
    async with request.form(max_files=0, max_fields=4) as form:
        verb, reason = str(form.get("verb") or ""), str(form.get("reason") or "").strip()[:200]
        limit = str(form.get("concurrency") or "")
        everywhere = form.get("everywhere")
    async with services(request).database.session() as session:
        if verb == "pause":
            row = await session.one("queue_pause", name=name, reason=reason or None)
        elif verb == "resume":
            row = await session.one("queue_resume", name=name)
        elif (
            verb == "limit"
            and _whole(limit, 1000)
            and (not everywhere or _whole(everywhere, 100_000))
        ):
            row = await session.one(
                "queue_limit",
                name=name,
                concurrency=int(limit),
                everywhere=int(str(everywhere)) if everywhere else None,
                everywhere_given=everywhere is not None,
            )
        else:
            raise Unusable(
                "A limit is a whole number from 1 to 1000; of all workers together to 100000, or empty.",
                422,
            )
    if row is None:
        raise Missing
    return done(request, "/queues")
