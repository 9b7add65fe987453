"""Hold what every handler needs, made once when the server starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import HTMLResponse

from sfa.accounts import User
from sfa.config import Config
from sfa.db import Database
from sfa.store import Store
from sfa.supervisord import Supervisord
from sfa.vault import Vault
from sfa.web.buckets import Limits
from sfa.web.counts import Requests
from sfa.web.live import Hub
from sfa.web.model_work import ModelWork
from sfa.web.render import Renderer

THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Services:
    """The configuration, the database, the store, the vault, the live hub, rate limits, counts, templates, supervisord."""

    config: Config
    database: Database
    store: Store
    vault: Vault
    hub: Hub
    limits: Limits
    requests: Requests
    render: Renderer
    supervisord: Supervisord
    model_work: ModelWork


def services(request: Request) -> Services:
    """The services of the application that got this request."""
    return cast(Services, request.app.state.services)


def user(request: Request) -> User:
    """Who is signed in; the gate let nobody else through."""
    return cast(User, request.scope["sfa.user"])


def is_admin(request: Request) -> bool:
    """Whether the user may steer what everybody shares."""
    return user(request).role == "admin"


def html(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page, in the theme that this browser chose."""
    theme = request.cookies.get("theme", "")
    body = services(request).render(
        template,
        user=request.scope.get("sfa.user"),
        theme=theme if theme in THEMES else "",
        lang=request.cookies.get("lang", ""),
        path=request.url.path,
        **values,
    )
    return HTMLResponse(body, status)


def is_api(request: Request) -> bool:
    """Whether a program asked by the API, whose answers are JSON whatever they are."""
    return str(request.scope["path"]).startswith("/api/")


def wants_json(request: Request) -> bool:
    """Whether a script asked, not a person who follows a link."""
    return "application/json" in request.headers.get("accept", "")


def is_htmx(request: Request) -> bool:
    """Whether htmx sent this: the page is live and shows the change by itself."""
    return request.headers.get("hx-request") == "true"
