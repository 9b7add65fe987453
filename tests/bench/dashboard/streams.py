"""Many readers of a live page on real sockets: how soon each of them hears of a change."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(slots=True)
class Reader:
    """One open stream; ``heard`` is when its latest message came (perf_counter)."""

    stream: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: float = 0.0
    task: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        """Note the time of each message."""
        while line := await self.stream.readline():
            if line.startswith(b"data:"):
                self.heard = time.perf_counter()


async def reader(address: str, path: str, cookie: str) -> Reader:
    """Open a stream and wait for its first message."""
    parts = urlsplit(address)
    stream, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 22)
    head = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nCookie: {cookie}\r\nAccept: text/event-stream\r\n\r\n"
    writer.write(head.encode())
    made = Reader(stream, writer)
    status = await stream.readline()
    if b" 200 " not in status:
        raise RuntimeError(f"the stream was refused: {status!r}")
    made.task = asyncio.create_task(made.listen())
    while not made.heard:
        await asyncio.sleep(0.01)
    return made


async def hears(readers: list[Reader], since: float, patience: float = 30.0) -> list[float]:
    """Seconds from ``since`` until each reader has heard something; those that did not are left out."""
    end = time.perf_counter() + patience
    while any(each.heard < since for each in readers) and time.perf_counter() < end:
        await asyncio.sleep(0.005)
    return [each.heard - since for each in readers if each.heard >= since]
