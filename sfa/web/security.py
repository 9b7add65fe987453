"""Guard every request: headers on the way out; host and origin on the way in.

- `Headers` sends a Content-Security-Policy that allows this server's own files only, nothing inline.
- `KnownHost` refuses a foreign Host header where the server listens on loopback: a web page that makes
  its own name point to 127.0.0.1 (DNS rebinding) gets nothing.
- `SameOrigin` refuses a change (any method but GET, HEAD, OPTIONS) that another site asks for: by
  Sec-Fetch-Site, in browsers without it by Origin; with neither it is refused too. The API is exempt: it
  looks at no cookie, and a browser sends no token by itself.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers as RequestHeaders
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob:; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    # Addresses hold one-time sign-in tokens: they never leave in a Referer.
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
LOOPBACK = ("127.0.0.1", "::1", "localhost")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Headers:
    """Add the security headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                # What a signed-in user sees is nobody else's; static files say otherwise themselves.
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class KnownHost:
    """Refuse requests for a name that this server does not have.

    Options:
        host: where the server listens; anything but loopback switches the check off, because there the
            names are not known.
        public: ``public_url``, whose name is known too (a proxy on this machine passes it on).
    """

    def __init__(self, app: ASGIApp, host: str, public: str = "") -> None:
        self.app = app
        self.active = host in LOOPBACK
        self.names = {*LOOPBACK, urlsplit(public).hostname or "localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.active:
            host = RequestHeaders(scope=scope).get("host", "")
            name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
            if name.lower() not in self.names:
                refusal = PlainTextResponse(
                    "This server answers to 127.0.0.1 and localhost only.\n", status_code=421
                )
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


class SameOrigin:
    """Refuse changes that another site asks for."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        risky = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if risky and not scope["path"].startswith("/api/") and not _own(scope):
            refusal = PlainTextResponse(
                "This change was not asked for by a page of this server. Open the page again and retry.\n",
                status_code=403,
            )
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _own(scope: Scope) -> bool:
    headers = RequestHeaders(scope=scope)
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    return headers.get("origin") == f"{scope['scheme']}://{headers.get('host', '')}"
