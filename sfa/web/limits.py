"""Count each request in its bucket (`sfa.web.buckets`): as its user's, its token's, or its address's."""

from __future__ import annotations

import ipaddress

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from sfa.accounts import User
from sfa.web.buckets import TooMany
from sfa.web.failures import failure
from sfa.web.services import services


def address_of(request: Request) -> str:
    """Whom to count without a session: the address, of IPv6 the network that one customer has."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def kind_of(method: str, path: str) -> str:
    """The class of a request."""
    if path.startswith("/media/"):
        return "media"
    if method in ("POST", "PUT", "PATCH") and path in ("/tracks", "/api/v1/tracks"):
        return "upload"
    if path.startswith("/api/") or path == "/metrics":
        return "api"
    return "page"


class Limit:
    """Count the requests of who is signed in; the gate has counted the strangers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        user: User | None = scope.get("sfa.user")
        if scope["type"] == "http" and user is not None:
            request = Request(scope)
            who = f"{user.session}" if user.scopes else f"{user.id}"
            try:
                services(request).limits.take(kind_of(request.method, scope["path"]), who)
            except TooMany as error:
                await failure(request, error)(scope, receive, send)
                return
        await self.app(scope, receive, send)
