"""Keep a port's children warm and lend one to one call.

The pool lends, the caller works. Last in, first out: the child whose models are warm is lent again. A child that
ended abnormally is discarded, never reused; a sound one is replaced between calls by count, memory and idle time.
Every removal has one of the enumerated reasons and is told to ``on_event``. More than ``intensity`` abnormal ends
within the window are more than this pool can mend: it calls ``on_escalate``.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sfa.ports.port import Port, PortFailure, PortSpec
from sfa.ports.supervisor import Intensity

log = logging.getLogger(__name__)


class Removal(enum.StrEnum):
    """Why a child left the pool."""

    CRASHED = "crashed"
    KILLED = "killed"
    CALLS = "max_calls"
    MEMORY = "max_rss"
    IDLE = "idle"
    SHUTDOWN = "shutdown"


OnEvent = Callable[[str, int, str, Mapping[str, Any]], None]


class Pool:
    """Children of one port.

    Options:
        size: most children at a time.
        grace: seconds a child may take to stop.
        on_event: called with (port, pid, "ready" | "removed", detail).
        on_escalate: called once with a reason when the intensity is exceeded.
    """

    def __init__(
        self, spec: PortSpec, *, size: int, grace: float, on_event: OnEvent, on_escalate: Callable[[str], None],
        intensity: Intensity | None = None,
    ) -> None:  # fmt: skip
        self.spec = spec
        self._slots = asyncio.Semaphore(size)
        self._grace = grace
        self._on_event = on_event
        self._on_escalate = on_escalate
        self._intensity = intensity or Intensity(max_restarts=20, seconds=60)
        self._idle: list[Port] = []
        self._lent: set[Port] = set()
        self._janitor: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look after idle children; the first child starts with the first call."""
        if self._janitor is None:
            self._janitor = asyncio.create_task(
                self._sweep_forever(), name=f"pool-{self.spec.name}"
            )

    async def stop(self) -> None:
        """End every child; safe before `start` and twice."""
        janitor, self._janitor = self._janitor, None
        if janitor is not None:
            janitor.cancel()
            await asyncio.gather(janitor, return_exceptions=True)
        ports = [*self._idle, *self._lent]
        self._idle.clear()
        await asyncio.gather(
            *(self._remove(port, Removal.SHUTDOWN) for port in ports), return_exceptions=True
        )

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Port]:
        """A child for one call, warm if there is one."""
        async with self._slots:
            port = await self._checkout()
            self._lent.add(port)
            try:
                yield port
            finally:
                self._lent.discard(port)
                await asyncio.shield(self._checkin(port))

    async def _checkout(self) -> Port:
        while self._idle:
            port = self._idle.pop()
            if port.process.returncode is None and not port.broken:
                return port
            await self._remove(port, Removal.CRASHED)
        try:
            port = await Port.start(self.spec, self._grace)
        except PortFailure:
            self._count("a child did not start")
            raise
        self._on_event(
            self.spec.name,
            port.process.pid,
            "ready",
            {"device": port.hello.device if port.hello else None},
        )
        return port

    async def _checkin(self, port: Port) -> None:
        if port.broken or port.process.returncode is not None:
            await self._remove(
                port, Removal.CRASHED if (port.process.returncode or 0) >= 0 else Removal.KILLED
            )
        elif port.calls >= self.spec.max_calls:
            await self._remove(port, Removal.CALLS)
        elif port.resident() > self.spec.max_rss:
            await self._remove(port, Removal.MEMORY)
        else:
            self._idle.append(port)

    async def _remove(self, port: Port, reason: Removal) -> None:
        await port.stop()
        detail = {
            "reason": reason.value,
            "calls": port.calls,
            "returncode": port.process.returncode,
        }
        self._on_event(self.spec.name, port.process.pid, "removed", detail)
        if reason in (Removal.CRASHED, Removal.KILLED):
            self._count(f"a child was {reason.value}")

    def _count(self, what: str) -> None:
        if self._intensity.exceeded():
            self._on_escalate(f"port {self.spec.name}: {what}, more than {self._intensity}")

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(min(5.0, self.spec.idle_seconds))
            now = time.monotonic()
            for port in list(self._idle):
                dead = port.process.returncode is not None
                if dead or now - port.idle_since > self.spec.idle_seconds:
                    self._idle.remove(port)
                    await self._remove(port, Removal.CRASHED if dead else Removal.IDLE)
