"""Time every answer, and count those that failed."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sfa.web.limits import kind_of
from sfa.web.services import services


class Measure:
    """Time every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, stream = time.perf_counter(), 500, False

        async def watched(message: Message) -> None:
            nonlocal status, stream
            if message["type"] == "http.response.start":
                status = message["status"]
                stream = any(
                    name.lower() == b"content-type" and value.startswith(b"text/event-stream")
                    for name, value in message["headers"]
                )
            await send(message)

        requests = services(Request(scope)).requests
        kind = kind_of(scope["method"], scope["path"])
        try:
            await self.app(scope, receive, watched)
        finally:
            if not stream:
                spent = time.perf_counter() - began
                requests.seconds.labels(kind, f"{status // 100}xx").observe(spent)
            if status >= 500:
                requests.failures.labels(kind).inc()
