"""Listen to PostgreSQL on one connection and fan out: NOTIFY wakes, SQL tells.

A listener that merely waits never learns that its connection is half-open or gone: this one asks the server every
``check`` seconds, and makes a new connection when the answer fails to come. After every (re)connect each subscriber
is called with the payload ``"*"``: whatever was missed, read everything again.

Behind a pooler that lends a server connection for a transaction (PgBouncer) there is nothing to hear: then each
subscriber is called with ``"*"`` every second, which is polling.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from psycopg import sql

from sfa.db import LIVENESS, is_pooled

log = logging.getLogger(__name__)

Callback = Callable[[str, str], None]
ANSWER_SECONDS = 10.0
POLL_SECONDS = 1.0
ALL = "*"
"""The payload after a (re)connect: anything may have changed."""


class Listener:
    """One LISTEN connection.

    Options:
        dsn: libpq address.
        channels: what to listen to.
        check: seconds of silence after which the connection is tested (10).
        name: application_name, as shown in pg_stat_activity.
    """

    def __init__(
        self, dsn: str, channels: Iterable[str], *, check: float = 10.0, name: str = "sfa-listen"
    ) -> None:
        self._dsn = dsn
        self._channels = tuple(channels)
        self._check = check
        self._name = name
        self._callbacks: list[Callback] = []
        self._task: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call ``callback(channel, payload)`` from the event loop; the returned function ends it."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    async def start(self) -> None:
        """Begin to listen in the background, for as long as it takes to get a connection."""
        if self._task is None:
            self._task = asyncio.create_task(self._forever(), name="listener")

    async def join(self) -> None:
        """Wait for its end; only a mistake of ours brings it about before `stop`."""
        if self._task is not None:
            await asyncio.wait({self._task})
            self._task.result()

    async def stop(self) -> None:
        """Close the connection; safe before `start` and twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _forever(self) -> None:
        pause = 0.1
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError, TimeoutError) as error:
                if self.connected.is_set():
                    pause = 0.1
                    log.warning(
                        "lost the LISTEN connection: %s", str(error).strip() or type(error).__name__
                    )
                self.connected.clear()
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def _listen(self) -> None:
        # Not wait_for: on Python 3.11 it can swallow the cancellation that stop() waits for.
        async with asyncio.timeout(10):
            connection = await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, application_name=self._name, **LIVENESS
            )
        async with connection:
            if await is_pooled(connection):
                await self._poll(connection)
            for channel in self._channels:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            self.connected.set()
            for channel in self._channels:
                self._tell(channel, ALL)
            while True:
                async for notify in connection.notifies(timeout=self._check):
                    self._tell(notify.channel, notify.payload)
                # Looking often is one thing, having no patience with a busy server another.
                async with asyncio.timeout(max(self._check, ANSWER_SECONDS)):
                    await connection.execute("SELECT 1")

    async def _poll(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """What is left where a LISTEN would be heard by somebody else: everything may have changed, every second."""
        log.info("a pooler stands before the database: polling instead of listening")
        await connection.close()
        self.connected.set()
        while True:
            for channel in self._channels:
                self._tell(channel, ALL)
            await asyncio.sleep(POLL_SECONDS)

    def _tell(self, channel: str, payload: str) -> None:
        for callback in list(self._callbacks):
            try:
                callback(channel, payload)
            except Exception:
                log.exception("a subscriber of %s failed", channel)
