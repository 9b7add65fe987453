"""GET /sign-in/{token}: a one-time link becomes a session. POST /sign-out ends it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa.accounts import end_session, redeem
from sfa.web.gate import cookie_name, remember, signed_in
from sfa.web.services import html, services, user


async def sign_in(request: Request) -> Response:
    """Trade the link's token for a session cookie."""
    # Browsers fetch addresses ahead of time, and previews ask with HEAD: neither may use the link up.
    ahead = "prefetch" in request.headers.get("sec-purpose", request.headers.get("purpose", ""))
    if request.method != "GET" or ahead:
        return Response(status_code=204)
    async with services(request).database.session() as session:
        token = await redeem(session, request.path_params["token"])
    if token is None:
        # The same link again, in the browser that it signed in: no reason to complain.
        if await signed_in(request):
            return RedirectResponse("/", 303)
        return html(request, "sign_in.html", 401, spent=True)
    response = RedirectResponse("/", 303)
    remember(request, response, token)
    return response


async def sign_out(request: Request) -> Response:
    """End the session, in the database too."""
    async with services(request).database.session() as session:
        await end_session(session, user(request))
    response = RedirectResponse("/", 303)
    response.delete_cookie(cookie_name(request))
    return response
