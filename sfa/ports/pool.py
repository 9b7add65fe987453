"""Keep a port's children warm and lend one to one call.

The pool lends, the caller works. Last in, first out: the child whose models are warm is lent again. A child that
ended abnormally is discarded, never reused; a sound one is replaced between calls by count, age, memory and idle time.
Its replacement is started first where the machine has the memory for both; until it is ready the worn child works on.
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

from sfa.ports import memory
from sfa.ports.port import Port, PortFailure
from sfa.ports.spec import PortSpec
from sfa.ports.supervisor import Intensity

log = logging.getLogger(__name__)

SPARE = 512 << 20
"""Bytes that stay free when a replacement is started beside the child it replaces."""


class Removal(enum.StrEnum):
    """Why a child left the pool."""

    CRASHED = "crashed"
    KILLED = "killed"
    CALLS = "max_calls"
    AGE = "max_age"
    MEMORY = "max_rss"
    IDLE = "idle"
    SHUTDOWN = "shutdown"


ABNORMAL = frozenset({Removal.CRASHED, Removal.KILLED})
OnEvent = Callable[[str, int, str, Mapping[str, Any]], None]


class Pool:
    """Children of one port on one device.

    Options:
        size: most calls at a time.
        grace: seconds a child may take to stop.
        on_event: called with (port, pid, "ready" | "removed", detail).
        on_escalate: called once with a reason when the intensity is exceeded.
        intensity: abnormal ends that it mends (20 in 60 s).
        free: tells how many bytes of memory the machine has left.
    """

    def __init__(
        self, spec: PortSpec, *, size: int, grace: float, on_event: OnEvent, on_escalate: Callable[[str], None],
        intensity: Intensity | None = None, free: Callable[[], int] = memory.available,
    ) -> None:  # fmt: skip
        self.spec = spec
        self.size = size
        self.intensity = intensity or Intensity(max_restarts=20, seconds=60)
        self._slots = asyncio.Semaphore(size)
        self._grace = grace
        self._on_event = on_event
        self._on_escalate = on_escalate
        self._free = free
        self._idle: list[Port] = []
        self._lent: set[Port] = set()
        self._ending: set[Port] = set()
        self._worn: dict[Port, Removal] = {}
        """Children that are to go, and why; those whose replacement is not ready yet are in `_awaiting` as well."""
        self._awaiting: set[Port] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._janitor: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def ports(self) -> list[tuple[Port, str]]:
        """Every child with its state: idle, busy or stopping."""
        return [
            *((port, "idle") for port in self._idle),
            *((port, "busy") for port in self._lent),
            *((port, "stopping") for port in self._ending),
        ]

    async def start(self) -> None:
        """Begin to look after the children, and start those that are to be ready ahead."""
        if self._janitor is None:
            self._janitor = asyncio.create_task(self._look_after(), name=f"pool-{self.spec.name}")

    async def stop(self) -> None:
        """End every child; safe before `start` and twice."""
        self._stopped = True
        janitor, self._janitor = self._janitor, None
        tasks = [*self._tasks, *([janitor] if janitor else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
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
            if not port.dead:
                return port
            await self._remove(port, Removal.CRASHED)
        return await self._begin()

    async def _begin(self) -> Port:
        try:
            port = await Port.start(self.spec, self._grace)
        except PortFailure:
            self._count("a child did not start")
            raise
        self._on_event(self.spec.name, port.process.pid, "ready", {"device": port.device})
        return port

    async def _checkin(self, port: Port) -> None:
        if self._stopped:
            await self._remove(port, Removal.SHUTDOWN)
        elif port.dead:
            if port.broken:
                await port.process.wait()
            killed = (port.process.returncode or 0) < 0
            await self._remove(port, Removal.KILLED if killed else Removal.CRASHED)
        elif port in self._awaiting:
            self._idle.append(port)
        elif port in self._worn:
            await self._remove(port, self._worn[port])
        elif (reason := self._wear(port)) is None:
            self._idle.append(port)
        elif self._room(port):
            self._worn[port] = reason
            self._awaiting.add(port)
            self._idle.append(port)
            self._spawn(self._replace(port), f"replace-{self.spec.name}")
        else:
            await self._remove(port, reason)

    def _wear(self, port: Port) -> Removal | None:
        """Why a child should be replaced, if it should."""
        if port.calls >= self.spec.max_calls:
            return Removal.CALLS
        if port.age > self.spec.max_age:
            return Removal.AGE
        pid = port.process.pid
        # The cheap measure first: it counts what is shared with other children in full.
        if memory.resident(pid) > self.spec.max_rss and memory.proportional(pid) > self.spec.max_rss:  # fmt: skip
            return Removal.MEMORY
        return None

    def _room(self, port: Port) -> bool:
        return self._free() > port.resident() + SPARE

    async def _replace(self, port: Port) -> None:
        """Start the next one, then let the worn one go; if it works just now, when it comes back."""
        try:
            fresh = await self._begin()
        except PortFailure as failure:
            log.warning("no replacement for a worn child of %s: %s", self.spec.name, failure)
        else:
            self._idle.append(fresh)
        finally:
            self._awaiting.discard(port)
        if port in self._idle:
            self._idle.remove(port)
            await self._remove(port, self._worn[port])

    async def _remove(self, port: Port, reason: Removal) -> None:
        self._worn.pop(port, None)
        self._ending.add(port)
        try:
            await port.stop(f"the pool: {reason.value}")
        finally:
            self._ending.discard(port)
        detail = {
            "reason": reason.value,
            "calls": port.calls,
            "returncode": port.process.returncode,
        }
        self._on_event(self.spec.name, port.process.pid, "removed", detail)
        if reason in ABNORMAL:
            self._count(f"a child was {reason.value}")

    def _count(self, what: str) -> None:
        if self.intensity.exceeded():
            self._on_escalate(f"port {self.spec.name}: {what}, more than {self.intensity}")

    def _spawn(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look_after(self) -> None:
        while True:
            await self.sweep()
            await asyncio.sleep(min(5.0, self.spec.idle_seconds))

    async def sweep(self) -> None:
        """One look at the idle children: the dead, the idle for too long, the old; then those that are missing."""
        now = time.monotonic()
        for port in list(self._idle):
            spare = len(self._idle) > self.spec.min_idle
            if port.dead:
                reason = Removal.CRASHED
            elif spare and now - port.idle_since > self.spec.idle_seconds:
                reason = Removal.IDLE
            elif port not in self._worn and port.age > self.spec.max_age:
                reason = Removal.AGE
            else:
                continue
            self._idle.remove(port)
            await self._remove(port, reason)
        while len(self._idle) + len(self._lent) < self.spec.min_idle:
            try:
                # At the far end: the one that was used last stays the next.
                self._idle.insert(0, await self._begin())
            except PortFailure as failure:
                log.warning("%s", failure)
                break
