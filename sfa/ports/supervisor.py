"""Restart what fails, but not for ever: budgets as in OTP, and a supervisor for a worker's own services.

`Intensity` counts restarts in a sliding window; one more than allowed means that whoever asks must give up and let
the level above decide. `Supervisor` starts its services in order, each only when the one before has started, and
stops them in reverse order, each within its own time. When one ends that should not have, the strategy says which are
restarted with it. When the budget is exceeded, or on `escalate`, everything is stopped and `run` raises
`Escalated`: the worker process ends, for supervisord to start it afresh.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, assert_never

log = logging.getLogger(__name__)

BRUTAL_KILL: Literal["brutal_kill"] = "brutal_kill"


class Escalated(Exception):
    """The restart budget is used up: the level above must decide."""


class Restart(enum.StrEnum):
    """When a service that ended is started again."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """If it ended with an error."""
    TEMPORARY = "temporary"
    """Never."""


class Strategy(enum.StrEnum):
    """Which services are restarted when one has to be."""

    ONE_FOR_ONE = "one_for_one"
    """That one."""
    REST_FOR_ONE = "rest_for_one"
    """That one and those that were started after it."""
    ONE_FOR_ALL = "one_for_all"
    """All."""


@dataclass(slots=True)
class Intensity:
    """At most ``max_restarts`` within ``seconds``.

    Options:
        clock: monotonic seconds; a test gives its own.
    """

    max_restarts: int
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _times: deque[float] = field(default_factory=deque)

    def exceeded(self) -> bool:
        """Count one restart; whether that is one too many."""
        self._times.append(self.clock())
        return self.count > self.max_restarts

    @property
    def count(self) -> int:
        """How many are in the window just now."""
        now = self.clock()
        while self._times and now - self._times[0] > self.seconds:
            self._times.popleft()
        return len(self._times)

    def __str__(self) -> str:
        return f"{self.max_restarts} times in {self.seconds:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of a supervisor.

    Options:
        start: what must have returned before the next service starts.
        run: runs until it is cancelled; without it the service is only started and stopped.
        stop: ends it in good order; afterwards ``run`` is cancelled.
        restart: see `Restart` (permanent).
        shutdown: seconds it may take to stop (5), None: as long as it takes, ``BRUTAL_KILL``: it is cancelled unasked.
    """

    name: str
    start: Callable[[], Awaitable[None]] | None = None
    run: Callable[[], Awaitable[None]] | None = None
    stop: Callable[[], Awaitable[None]] | None = None
    restart: Restart = Restart.PERMANENT
    shutdown: float | Literal["brutal_kill"] | None = 5.0


class Supervisor:
    """Run services.

    Options:
        services: in the order in which they are started.
        strategy: see `Strategy` (one_for_one).
        intensity: restarts of all services together (5 in 30 s).
        pause: seconds before a service is started again (0.5), so that a fault which passes in a moment does
            not use up the budget in that moment.
    """

    def __init__(
        self,
        services: Iterable[Service] = (),
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: Intensity | None = None,
        pause: float = 0.5,
    ) -> None:
        self.services: list[Service] = list(services)
        self.strategy = strategy
        self.intensity = intensity or Intensity(max_restarts=5, seconds=30)
        self._pause = pause
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._escalated: asyncio.Future[str] | None = None

    def escalate(self, reason: str) -> None:
        """Give up: what is left to the level above."""
        if self._escalated is not None and not self._escalated.done():
            self._escalated.set_result(reason)

    async def run(self) -> None:
        """Run the services until cancelled, or raise `Escalated`; either way all are stopped in the end."""
        self._escalated = asyncio.get_running_loop().create_future()
        try:
            for service in self.services:
                try:
                    await self._start(service)
                except Exception as error:
                    raise Escalated(f"service {service.name} did not start: {error}") from error
            while True:
                await self._watch(self._escalated)
        finally:
            await self._stop(self.services)

    async def _watch(self, escalated: asyncio.Future[str]) -> None:
        """Wait for the next end, and do what it asks for."""
        tasks = {task: name for name, task in self._running.items()}
        done, _ = await asyncio.wait({*tasks, escalated}, return_when=asyncio.FIRST_COMPLETED)
        if escalated in done:
            raise Escalated(escalated.result())
        for service in self.services:
            task = self._running.get(service.name)
            if task is None or task not in done:
                continue
            del self._running[service.name]
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if error is None and service.restart is not Restart.PERMANENT:
                continue
            log.error("service %s ended: %s", service.name, error or "it returned", exc_info=error)
            if service.restart is not Restart.TEMPORARY:
                await self._again(service)
                return

    async def _again(self, failed: Service) -> None:
        """Restart what the strategy says, for as long as the budget lasts."""
        affected: Sequence[Service] = self.services
        match self.strategy:
            case Strategy.ONE_FOR_ONE:
                affected = [failed]
            case Strategy.REST_FOR_ONE:
                affected = self.services[self.services.index(failed) :]
            case Strategy.ONE_FOR_ALL:
                pass
            case _:
                assert_never(self.strategy)
        while True:
            if self.intensity.exceeded():
                raise Escalated(f"services ended more than {self.intensity}; last: {failed.name}")
            await self._stop(affected)
            await asyncio.sleep(self._pause)
            try:
                for service in affected:
                    # As in OTP: a temporary one is not started again, whoever's end took it along.
                    if service.restart is not Restart.TEMPORARY:
                        await self._start(service)
            except Exception:
                log.exception("service %s did not start again", failed.name)
            else:
                return

    async def _start(self, service: Service) -> None:
        if service.start is not None:
            await service.start()
        run = service.run or asyncio.Event().wait
        self._running[service.name] = asyncio.ensure_future(run())

    async def _stop(self, services: Sequence[Service]) -> None:
        """Stop services, the last first; what does not end in its time is left behind."""
        for service in reversed(services):
            task = self._running.pop(service.name, None)
            if task is None:
                continue
            limit = 1.0 if service.shutdown == BRUTAL_KILL else service.shutdown
            assert not isinstance(limit, str)
            if service.stop is not None and service.shutdown != BRUTAL_KILL:
                try:
                    async with asyncio.timeout(limit):
                        await service.stop()
                except TimeoutError:
                    log.error("service %s did not stop within %g s", service.name, limit)  # noqa: TRY400 - no traceback wanted
                except Exception:
                    log.exception("service %s did not stop in good order", service.name)
            task.cancel()
            _, stuck = await asyncio.wait({task}, timeout=limit)
            if stuck:
                log.error("service %s is left behind", service.name)
