"""GET /notifications: what happened. POST /notifications: mark as read, or choose what comes by mail."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.answers import done
from sfa.web.failures import Unusable
from sfa.web.languages import current
from sfa.web.pages.news import News
from sfa.web.pages.page import stream_address
from sfa.web.services import html, services, user

KINDS = ("failed", "ready", "import", "batch", "cleanup")


async def news(request: Request) -> Response:
    """The page of the notifications."""
    page = News(user(request).id)
    async with services(request).database.session() as session:
        values = await page.load(session)
    return html(request, "news.html", stream=stream_address(page), kinds=KINDS, **values)


async def news_steer(request: Request) -> Response:
    """``read`` (with ``until``, an id: up to that one) or ``mail`` (each ``kind`` that is wanted)."""
    async with request.form(max_files=0, max_fields=10) as form:
        verb, until = str(form.get("verb") or ""), str(form.get("until") or "")
        kinds = [str(kind) for kind in form.getlist("kind")]
    if until and not (until.isascii() and until.isdigit() and len(until) < 19):
        raise Unusable("That is no notification.", 400)
    async with services(request).database.session() as session:
        if verb == "read":
            await session.one(
                "news_read", user_id=user(request).id, until=int(until) if until else None
            )
        elif verb == "mail" and set(kinds) <= set(KINDS):
            await session.run(
                "news_mail", user_id=user(request).id, kinds=kinds, language=current.get()
            )
        else:
            raise Unusable("Say whether to mark as read or to choose what comes by mail.", 400)
    return done(request, "/notifications")
