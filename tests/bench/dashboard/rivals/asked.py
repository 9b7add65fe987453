"""What each rival's program does: `prepare SOCKETS DATABASE` makes its schema, `ask SOCKETS DATABASE ROUNDS POSTMASTER` its pages.

Asked is the application in this process, by ASGI, as `tests.bench.web` asks SFA's: no socket, no browser. Answered is
one JSON object a page: page, spans (milliseconds a request but the first), processor (milliseconds a request, of this
process and of the database's). The standard library and httpx only.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx

TICK = os.sysconf("SC_CLK_TCK")
USER = "sfa"


class Dashboard(ABC):
    """A rival's; ``sockets`` is the folder of the database's socket."""

    def __init__(self, sockets: str, database: str) -> None:
        self.sockets, self.database = sockets, database
        self.dsn = f"postgresql://{USER}@localhost/{database}?host={sockets}"

    @abstractmethod
    async def prepare(self) -> None:
        """Make the schema."""

    @abstractmethod
    def open(self) -> AbstractAsyncContextManager[Any]:
        """The ASGI application, ready to be asked."""

    @abstractmethod
    async def pages(self, client: httpx.AsyncClient) -> Mapping[str, str]:
        """The addresses, by what `tests.bench.web` calls the like of them; signs the client in."""


def spent(postmaster: int) -> float:
    """Processor seconds of this process and of the database's, connections that have ended included."""
    seconds = time.process_time()
    backends = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in (postmaster, *backends):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        seconds += sum(map(int, fields[11:15])) / TICK
    return seconds


async def ask(dashboard: Dashboard, rounds: int, postmaster: int) -> None:
    """Each page so many times and once before, which opens connections and compiles templates."""
    async with dashboard.open() as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:4000", timeout=None
        ) as client:  # fmt: skip
            for page, path in (await dashboard.pages(client)).items():
                spans, before = [], 0.0
                for number in range(rounds + 1):
                    if number == 1:
                        before = spent(postmaster)
                    began = time.perf_counter()
                    answer = await client.get(path)
                    took = time.perf_counter() - began
                    if answer.status_code != 200:
                        raise SystemExit(f"{path} answered {answer.status_code}: {answer.text[:200]}")  # fmt: skip
                    if number:
                        spans.append(took * 1000)
                each = (spent(postmaster) - before) * 1000 / rounds
                print(json.dumps({"page": page, "spans": spans, "processor": each}), flush=True)


def main(rival: type[Dashboard]) -> None:
    """Do one command of the command line."""
    command, sockets, database, *rest = sys.argv[1:]
    dashboard = rival(sockets, database)
    if command == "prepare":
        asyncio.run(dashboard.prepare())
    else:
        asyncio.run(ask(dashboard, *map(int, rest)))
