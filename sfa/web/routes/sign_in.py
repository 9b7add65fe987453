"""GET /sign-in: the ways in. POST /sign-in: by password. GET and POST /sign-in/{token}: by a one-time link.

A link that was mailed says ?ask: it answers with a button, because mail programs open the links they find.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa.accounts import audit, end_session, redeem
from sfa.accounts import sign_in as by_password
from sfa.web.addresses import inside
from sfa.web.gate import cookie_name, remember, sign_in_page, signed_in, visit
from sfa.web.limits import address_of
from sfa.web.services import html, services, user

LONGEST = 2000


async def sign_in(request: Request) -> Response:
    """The page; who is signed in already goes on."""
    return RedirectResponse("/", 303) if await signed_in(request) else sign_in_page(request)


async def sign_in_password(request: Request) -> Response:
    """Trade an address and a password for a session cookie."""
    at = services(request)
    async with request.form(max_files=0, max_fields=5) as form:
        email, password = (str(form.get(name) or "")[:LONGEST] for name in ("email", "password"))
        wanted = str(form.get("wanted") or "/")
    email = email.strip()
    at.limits.take("sign_in", address_of(request))
    at.limits.take("sign_in", email.lower())
    token = await by_password(at.database, email, password, visit(request))
    if token is None:
        # The same words for a wrong password, an unknown address and somebody who may not come in.
        return sign_in_page(request, 401, bad="password", email=email, wanted=inside(wanted))
    response = RedirectResponse(inside(wanted), 303)
    remember(request, response, token)
    return response


async def sign_in_link(request: Request) -> Response:
    """Trade the link's token for a session cookie."""
    at = services(request)
    # Browsers fetch addresses ahead of time, and previews ask with HEAD: neither may use the link up.
    ahead = "prefetch" in request.headers.get("sec-purpose", request.headers.get("purpose", ""))
    if request.method == "HEAD" or ahead:
        return Response(status_code=204)
    if request.method == "GET" and "ask" in request.query_params:
        return html(request, "sign_in_ask.html", token=request.path_params["token"])
    async with at.database.session() as session:
        token = await redeem(session, request.path_params["token"], visit(request))
    if token is None:
        # The same link again, in the browser that it signed in: no reason to complain.
        if await signed_in(request):
            return RedirectResponse("/", 303)
        return sign_in_page(request, 401, spent=True)
    response = RedirectResponse("/", 303)
    remember(request, response, token)
    return response


async def sign_out(request: Request) -> Response:
    """End the session, in the database too."""
    async with services(request).database.session() as session:
        await end_session(session, user(request))
        await audit(session, user(request).id, "session.end", address=visit(request).address)
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(cookie_name(request))
    return response
