"""PgQueuer's web dashboard (its extra "web"): pages that the server renders, refreshed by SSE; on asyncpg, without a sign-in.

Its list of jobs shows what waits and what is at work; what has ended is in a log, whose exceptions are a page of their own.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
from asked import USER, Dashboard, main
from pgqueuer import AsyncpgDriver
from pgqueuer.queries import Queries
from pgqueuer.web import create_web_app


class Pgqueuer(Dashboard):
    """As ``pgq web`` serves it."""

    async def prepare(self) -> None:
        connection = await asyncpg.connect(host=self.sockets, user=USER, database=self.database)
        await Queries(AsyncpgDriver(connection)).install()
        await connection.close()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        # Its own address would take a socket's folder for a host.
        os.environ |= {"PGHOST": self.sockets, "PGUSER": USER, "PGDATABASE": self.database}
        app = create_web_app()
        async with app.router.lifespan_context(app):
            yield app

    async def pages(self, client: httpx.AsyncClient) -> Mapping[str, str]:
        connection = await asyncpg.connect(host=self.sockets, user=USER, database=self.database)
        job = await connection.fetchval("SELECT max(id) FROM pgqueuer")
        await connection.close()
        return {
            "home": "/", "jobs all": "/jobs", "jobs waiting": "/jobs?status=queued", "jobs failed": "/failures",
            "jobs a rare kind": "/jobs?entrypoint=export", "job": f"/jobs/{job}", "queues": "/entrypoints?window=24h",
            "schedule": "/schedules",
        }  # fmt: skip


if __name__ == "__main__":
    main(Pgqueuer)
