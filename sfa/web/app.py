"""Put the dashboard together: routes, guards, and what lives as long as the server.

Order of the guards, outermost first: security headers, the Host header, the origin of changes, the session.
Bodies are limited to 64 kB, uploads to ``config.upload_limit_mb``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ExceptionHandler

from sfa.config import Config
from sfa.db import Database
from sfa.errors import SfaError
from sfa.notify import Listener
from sfa.postgres import dsn
from sfa.store import Store
from sfa.web.failures import failure
from sfa.web.gate import Gate
from sfa.web.immutable import Immutable
from sfa.web.live import Hub
from sfa.web.render import DIST, Renderer
from sfa.web.routes.events import events
from sfa.web.routes.health import health
from sfa.web.routes.home import home
from sfa.web.routes.job_control import job_cancel, job_retry
from sfa.web.routes.media import media_stem, media_track
from sfa.web.routes.sign_in import sign_in, sign_out
from sfa.web.routes.track import track
from sfa.web.routes.track_data import track_analysis, track_mixer
from sfa.web.routes.track_delete import track_delete
from sfa.web.routes.track_separate import track_separate
from sfa.web.routes.tracks_list import tracks_list
from sfa.web.routes.tracks_upload import tracks_upload
from sfa.web.security import Headers, KnownHost, SameOrigin
from sfa.web.services import Services

SMALL = 64 * 1024
PATIENCE = 5


def routes(config: Config) -> list[Route | Mount]:
    """Every address that there is."""
    # Room for the form around the file.
    upload = config.upload_limit_mb * 1_000_000 + SMALL
    return [
        Route("/", home),
        Route("/tracks", tracks_list),
        Route("/tracks", tracks_upload, methods=["POST"], max_body_size=upload),
        Route("/tracks/{id}", track),
        Route("/tracks/{id}/mixer", track_mixer),
        Route("/tracks/{id}/analysis", track_analysis),
        Route("/tracks/{id}/separate", track_separate, methods=["POST"]),
        Route("/tracks/{id}/delete", track_delete, methods=["POST"]),
        Route("/jobs/{id}/cancel", job_cancel, methods=["POST"]),
        Route("/jobs/{id}/retry", job_retry, methods=["POST"]),
        Route("/media/stems/{id}", media_stem),
        Route("/media/tracks/{id}", media_track),
        Route("/events", events),
        Route("/health", health),
        Route("/sign-in/{token}", sign_in),
        Route("/sign-out", sign_out, methods=["POST"]),
        Mount("/static/dist", Immutable(GZipMiddleware(StaticFiles(directory=DIST)))),
    ]


def create_app(
    config: Config, database: Database | None = None, hub: Hub | None = None
) -> Starlette:
    """The application; a database that is handed in stays open afterwards."""
    services = Services(
        config=config,
        database=database or Database(dsn(config), size=8, name="sfa-web"),
        store=Store(config.store_address, config.var / "cache"),
        hub=hub or Hub(),
        render=Renderer(),
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        listener = Listener(services.database.dsn, ["sfa_changed"], name="sfa-web-listen")
        forget = listener.subscribe(services.hub.notify)
        if database is None:
            await services.database.open()
        await listener.start()
        try:
            yield
        finally:
            forget()
            services.hub.close()
            # Bounded: a listener that does not let go must not keep the server from stopping.
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await listener.stop()
            if database is None:
                await services.database.close()

    handler = cast(ExceptionHandler, failure)
    app = Starlette(
        routes=routes(config),
        middleware=[
            Middleware(Headers),
            Middleware(KnownHost, host=config.host),
            Middleware(SameOrigin),
            Middleware(Gate),
        ],
        exception_handlers={HTTPException: handler, SfaError: handler, Exception: handler},
        lifespan=lifespan,
        max_body_size=SMALL,
    )
    app.state.services = services
    return app
