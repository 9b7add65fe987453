"""Stream one page: the pieces that changed, a sign of life when nothing did, an honest word when something is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request

from sfa.errors import DatabaseUnavailable
from sfa.web.failures import Forbidden, Missing
from sfa.web.gate import signed_in
from sfa.web.languages import current
from sfa.web.live import Pieces
from sfa.web.pages.page import Page, rendered
from sfa.web.services import services, user
from sfa.web.sse import COMMENT, event, partials


async def stream(request: Request, page: Page) -> AsyncIterator[str]:
    """The text of the stream, until the page leaves, the session ends or the server stops."""
    at = services(request)
    sent: Pieces = {}

    async def render() -> Pieces:
        async with at.database.session() as session:
            return rendered(at.render, page, await page.load(session))

    language, who = current.get(), user(request)
    with at.hub.viewer(page, who.session, language, who.id) as viewer:
        async for changed in at.hub.wakes(viewer):
            doubted, viewer.doubted = viewer.doubted, False
            try:
                if (doubted or not changed) and await signed_in(request) is None:
                    yield event("sfa-signed-out")
                    return
                now = await at.hub.pieces(page, render, language)
            except DatabaseUnavailable:
                # Everything is sent again afterwards, so that the page knows it is up to date.
                sent = {}
                viewer.doubted = doubted
                viewer.dirty.set()
                yield event("sfa-away")
                continue
            except (Missing, Forbidden):
                yield event("sfa-gone")
                return
            fresh = {name: body for name, body in now.items() if sent.get(name) != body}
            sent = now
            if text := (partials(fresh) if fresh else "") + ("" if changed else COMMENT):
                yield text
