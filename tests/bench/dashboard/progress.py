"""How long a child's progress takes to a reader's socket, by the whole way: frame → worker → SQL → NOTIFY → hub → SSE.

A worker process with a real child, whose frames are stamped; a reader of the track's live page on a real socket. Counted is
each frame that the child's loop let out: until the page shows it, or a later one.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from sfa.config import HOME, Config

VALUE = re.compile(rb'<progress class="meter" max="100" value="([0-9.]+)"')
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How a child speaks."""

    name: str
    frames: int
    every: float
    step: float
    jobs: int = 1


PACES = (
    Pace("a frame a second", frames=12, every=1.0, step=5.0),
    Pace("a frame a second, of four jobs", frames=12, every=1.0, step=5.0, jobs=4),
    Pace("a job of 20 minutes", frames=400, every=0.05, step=0.004),
    Pace("a job of a minute", frames=240, every=0.05, step=0.083),
    Pace("a job of 20 s", frames=400, every=0.05, step=0.25),
    Pace("a job of 5 s", frames=99, every=0.05, step=1.0),
)


@contextmanager
def newsroom(config: Config, folder: Path) -> Iterator[None]:
    """A worker of the analysis queue that only tells."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SFA_", "PG"))}
    environment |= {"DATABASE_URL": config.database_url, "SFA_VAR": str(folder), "SFA_DRAIN_SECONDS": "0"}  # fmt: skip
    with (folder / "newsroom.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.dashboard.newsroom"], cwd=HOME, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(30)


async def latencies(address: str, cookie: str, dsn: str, folder: Path, pace: Pace) -> list[float]:
    """Seconds from each frame to the reader."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        results = await asyncio.gather(
            *(_one(connection, address, cookie, folder, pace, n) for n in range(pace.jobs))
        )
    return [span for spans in results for span in spans]


async def _one(
    connection: psycopg.AsyncConnection[tuple[object, ...]], address: str, cookie: str, folder: Path, pace: Pace, number: int
) -> list[float]:  # fmt: skip
    out = folder / f"told-{number}.json"
    out.unlink(missing_ok=True)
    plan = {"frames": pace.frames, "every": pace.every, "step": pace.step, "out": str(out)}
    cursor = await connection.execute("INSERT INTO tracks (title) VALUES (%s) RETURNING id", [json.dumps(plan)])  # fmt: skip
    row = await cursor.fetchone()
    assert row is not None
    parts = urlsplit(address)
    stream, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 22)
    head = f"GET /events?page=track&track={row[0]} HTTP/1.1\r\nHost: {parts.netloc}\r\nCookie: {cookie}\r\nAccept: text/event-stream\r\n\r\n"
    writer.write(head.encode())
    # Out of step with each other, as jobs are.
    await asyncio.sleep(number * pace.every / max(1, pace.jobs))
    await connection.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [row[0]])
    shown: list[tuple[float, float]] = []
    listening = asyncio.create_task(_listen(stream, shown))
    async with asyncio.timeout(pace.frames * pace.every + PATIENCE):
        while not out.exists():
            await asyncio.sleep(0.05)
    listening.cancel()
    writer.close()
    if not shown:
        raise RuntimeError("the page showed no progress")
    return _spans(json.loads(out.read_text()), shown)


async def _listen(stream: asyncio.StreamReader, shown: list[tuple[float, float]]) -> None:
    while line := await stream.readline():
        if found := VALUE.search(line):
            shown.append((float(found[1]), time.monotonic()))


def _spans(told: list[tuple[float, float]], shown: list[tuple[float, float]]) -> list[float]:
    """Of each frame: from its sending to the first page that shows it or a later one (with a decimal)."""
    return [
        next((at for seen, at in shown if seen >= round(percent, 1)), PATIENCE + sent) - sent
        for percent, sent in told
    ]
