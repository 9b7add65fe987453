"""Let nobody in without a session or a token: everything but the paths named here answers with the sign-in page.

The cookie holds an opaque token; who it belongs to is asked of the database for every request, so that an
ended session or a suspended user is out at once. On https the cookie's name carries the ``__Host-`` prefix.
``/api/`` takes bearer tokens only, never the cookie: what another site makes a browser ask for has no token.
``/metrics`` takes both.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sfa.accounts import User, Visit, session_user, token_user
from sfa.errors import SfaError
from sfa.web.failures import Unknown, failure
from sfa.web.limits import address_of
from sfa.web.services import html, is_api, services, wants_json

COOKIE = "sfa_session"
LIFETIME = 14 * 24 * 3600
OPEN_PATHS = (
    "/health",
    "/health/live",
    "/sign-in",
    "/sign-in/link",
    "/sign-up",
    "/api/v1/openapi.json",
)
OPEN_PREFIXES = ("/static/dist/", "/words/", "/sign-in/")


class Gate:
    """Find the user of each request, or answer 401 with the sign-in page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        # An exception out here would pass by the application's own handlers.
        try:
            if _is_open(scope["path"]):
                if not scope["path"].startswith("/static/"):
                    services(request).limits.take("stranger", address_of(request))
                await self.app(scope, receive, send)
                return
            found = await _who(request)
            if found is None:
                services(request).limits.take("stranger", address_of(request))
        except SfaError as error:
            await failure(request, error)(scope, receive, send)
            return
        if found is None:
            await _refusal(request)(scope, receive, send)
            return
        scope["sfa.user"] = found
        await self.app(scope, receive, send)


async def _who(request: Request) -> User | None:
    if is_api(request) or (request.url.path == "/metrics" and _bearer(request)):
        return await bearer(request)
    return await signed_in(request)


def cookie_name(request: Request) -> str:
    """The session cookie's name: ``__Host-`` can only be had over https."""
    return f"__Host-{COOKIE}" if request.url.scheme == "https" else COOKIE


def visit(request: Request) -> Visit:
    """Where the request comes from."""
    agent = request.headers.get("user-agent", "")
    printable = "".join(c for c in agent if c.isprintable())[:300]
    return Visit(request.client.host if request.client else None, printable or None)


async def signed_in(request: Request) -> User | None:
    """Whose session the request carries."""
    token = request.cookies.get(cookie_name(request))
    if not token:
        return None
    async with services(request).database.session() as session:
        return await session_user(session, token, visit(request))


async def bearer(request: Request) -> User | None:
    """Whose API token the request carries."""
    token = _bearer(request)
    if not token:
        return None
    async with services(request).database.session() as session:
        return await token_user(session, token, visit(request))


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


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


def _refusal(request: Request) -> Response:
    if is_api(request):
        return failure(request, Unknown())
    if wants_json(request) or "text/event-stream" in request.headers.get("accept", ""):
        return PlainTextResponse("Signed out: sign in again.\n", status_code=401)
    return sign_in_page(request, 401)


def sign_in_page(request: Request, status: int = 200, **values: object) -> Response:
    """The page with the ways in; after one of them it goes on to where the request wanted to."""
    config = services(request).config
    path = request.url.path
    wanted = path if request.method == "GET" and not path.startswith("/sign-") else "/"
    if wanted != "/" and request.url.query:
        wanted += f"?{request.url.query}"
    given = {
        "spent": False,
        "said": "",
        "bad": "",
        "email": "",
        "wanted": wanted,
        "mail": bool(config.smtp_url),
        "sign_up": config.sign_up,
    }
    return html(request, "sign_in.html", status, **(given | values))
