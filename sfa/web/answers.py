"""Answer a change that worked."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa.web.services import is_htmx


def done(request: Request, address: str) -> Response:
    """Nothing for a live page, which shows the change by itself; a page to go to without JavaScript."""
    return Response(status_code=204) if is_htmx(request) else RedirectResponse(address, 303)
