"""Let nobody in without a session: everything but the paths named here answers with the sign-in page.

The cookie holds an opaque token; who it belongs to is asked of the database for every request, so that an
ended session or a suspended user is out at once. On https the cookie's name carries the ``__Host-`` prefix.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sfa.accounts import User, session_user
from sfa.errors import SfaError
from sfa.web.failures import failure
from sfa.web.services import html, services, wants_json

COOKIE = "sfa_session"
LIFETIME = 14 * 24 * 3600
OPEN_PATHS = ("/health",)
OPEN_PREFIXES = ("/static/dist/", "/words/", "/sign-in/")


class Gate:
    """Find the user of each request, or answer 401 with the sign-in page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        # An exception out here would pass by the application's own handlers.
        try:
            found = await signed_in(request)
        except SfaError as error:
            await failure(request, error)(scope, receive, send)
            return
        if found is None:
            await _sign_in_page(request)(scope, receive, send)
            return
        scope["sfa.user"] = found
        await self.app(scope, receive, send)


def cookie_name(request: Request) -> str:
    """The session cookie's name: ``__Host-`` can only be had over https."""
    return f"__Host-{COOKIE}" if request.url.scheme == "https" else COOKIE


async def signed_in(request: Request) -> User | None:
    """Whose session the request carries."""
    token = request.cookies.get(cookie_name(request))
    if not token:
        return None
    async with services(request).database.session() as session:
        return await session_user(session, token)


def remember(request: Request, response: Response, token: str) -> None:
    """Give the browser its session."""
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=LIFETIME,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


def _sign_in_page(request: Request) -> Response:
    if wants_json(request) or "text/event-stream" in request.headers.get("accept", ""):
        return PlainTextResponse("Signed out: open a new sign-in link.\n", status_code=401)
    return html(request, "sign_in.html", 401, spent=False)
