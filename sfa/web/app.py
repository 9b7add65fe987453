"""Put the dashboard together: routes, guards, and what lives as long as the server.

Order of the guards, outermost first: a clock, compression, security headers, the Host header, the origin of changes, the session, how much.
Pages and JSON are compressed: no page holds a secret beside what somebody else may have put there, so its length gives nothing
away. Streams of events, pictures, sound and parts of files are not. Bodies are limited to 64 kB, uploads to ``config.upload_limit_mb``.
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
from starlette.types import ExceptionHandler

from sfa.config import Config
from sfa.db import Database
from sfa.errors import SfaError
from sfa.notify import Listener
from sfa.postgres import dsn
from sfa.store import Store
from sfa.supervisord import Supervisord
from sfa.vault import Vault
from sfa.web.buckets import Limits
from sfa.web.counts import Requests
from sfa.web.failures import failure
from sfa.web.gate import Gate
from sfa.web.languages import Speak
from sfa.web.limits import Limit
from sfa.web.live import Hub
from sfa.web.measure import Measure
from sfa.web.model_work import ModelWork
from sfa.web.render import Renderer
from sfa.web.security import Headers, KnownHost, SameOrigin
from sfa.web.services import Services
from sfa.web.table import SMALL, routes

PATIENCE = 5


def create_app(
    config: Config,
    database: Database | None = None,
    hub: Hub | None = None,
    supervisord: Supervisord | None = None,
) -> Starlette:
    """The application; a database that is handed in stays open afterwards."""
    hub = hub or Hub()
    services = Services(
        config=config,
        database=database or Database(dsn(config), size=8, name="sfa-web", custom_plans=True),
        store=Store(config.store_address, config.var / "cache"),
        vault=Vault(config),
        hub=hub,
        limits=Limits(config.rate_limit),
        requests=Requests(),
        render=Renderer(),
        supervisord=supervisord or Supervisord(),
        model_work=ModelWork(config, lambda: hub.notify("", "models")),
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        listener = Listener(
            services.database.dsn, ["sfa_changed", "sfa_tree"], name="sfa-web-listen"
        )
        forget = listener.subscribe(services.hub.notify)
        if database is None:
            await services.database.open()
        await listener.start()
        try:
            yield
        finally:
            forget()
            services.hub.close()
            await services.model_work.stop()
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
            Middleware(Measure),
            Middleware(GZipMiddleware, minimum_size=1024, compresslevel=5),
            Middleware(Headers),
            Middleware(KnownHost, host=config.host, public=config.public_url),
            Middleware(SameOrigin),
            Middleware(Speak),
            Middleware(Gate),
            Middleware(Limit),
        ],
        exception_handlers={HTTPException: handler, SfaError: handler, Exception: handler},
        lifespan=lifespan,
        max_body_size=SMALL,
    )
    app.state.services = services
    return app
