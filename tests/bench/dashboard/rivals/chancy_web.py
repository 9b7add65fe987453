"""Chancy's dashboard (its plugin Api): a program in the browser that asks for JSON; asked is that JSON, and the program's page as "home".

What the browser then makes of it comes on top, and is not measured. Its lists are asked for at the size of SFA's pages.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from asked import Dashboard, main
from chancy import Chancy, Worker
from chancy.plugins.api import Api, SimpleAuthBackend

SIZE = 50
PASSWORD = "bench"


class ChancyDashboard(Dashboard):
    """As ``chancy worker web`` serves it."""

    def __init__(self, sockets: str, database: str) -> None:
        super().__init__(sockets, database)
        log = logging.getLogger("chancy")
        log.addHandler(logging.NullHandler())
        log.setLevel(logging.CRITICAL)
        self.api = Api(authentication_backend=SimpleAuthBackend({"admin": PASSWORD}))
        self.chancy = Chancy(self.dsn, plugins=[self.api], log=log)

    async def prepare(self) -> None:
        async with self.chancy as chancy:
            await chancy.migrate()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        async with self.chancy as chancy:
            yield self.api.build_starlette_app(Worker(chancy, tags=set()), chancy)

    async def pages(self, client: httpx.AsyncClient) -> Mapping[str, str]:
        signed = await client.post(
            "/api/v1/login", json={"username": "admin", "password": PASSWORD}
        )
        client.headers["authorization"] = f"Bearer {signed.json()['token']}"
        jobs = f"/api/v1/jobs?pagination=true&limit={SIZE}"
        failed = (await client.get(f"{jobs}&state=failed")).json()["items"][0]["id"]
        return {
            "home": "/", "jobs all": jobs, "jobs waiting": f"{jobs}&state=pending", "jobs failed": f"{jobs}&state=failed",
            "jobs completed": f"{jobs}&state=succeeded", "jobs a rare kind": f"{jobs}&func=export",
            "jobs an empty kind": f"{jobs}&func=import", "job": f"/api/v1/jobs/{failed}", "queues": "/api/v1/queues",
        }  # fmt: skip


if __name__ == "__main__":
    main(ChancyDashboard)
