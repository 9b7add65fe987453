"""Restart what fails, but not for ever: budgets as in OTP, and a supervisor for a worker's own services.

`Intensity` counts restarts in a sliding window; one more than allowed means that whoever asks must give up and let
the level above decide. `Supervisor` runs services (coroutine functions that never return) one_for_one under such a
budget; when it is exceeded, or on `escalate`, `run` raises `Escalated` and the worker process ends for supervisord
to start afresh.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)


class Escalated(Exception):
    """The restart budget is used up: the level above must decide."""


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
        now = self.clock()
        self._times.append(now)
        while self._times and now - self._times[0] > self.seconds:
            self._times.popleft()
        return len(self._times) > self.max_restarts

    def __str__(self) -> str:
        return f"{self.max_restarts} times in {self.seconds:g} s"


class Supervisor:
    """Run services one_for_one.

    Options:
        services: name → coroutine function that runs until it is cancelled.
        pause: seconds before a service is started again (0.5), so that a fault which passes in a moment does
            not use up the budget in that moment.
        intensity: restarts of all services together (5 in 30 s).
    """

    def __init__(
        self,
        services: Mapping[str, Callable[[], Awaitable[None]]],
        intensity: Intensity | None = None,
        pause: float = 0.5,
    ) -> None:
        self.services = dict(services)
        self._intensity = intensity or Intensity(max_restarts=5, seconds=30)
        self._pause = pause
        self._escalated: asyncio.Future[str] | None = None

    def escalate(self, reason: str) -> None:
        """Give up: what is left to the level above."""
        if self._escalated is not None and not self._escalated.done():
            self._escalated.set_result(reason)

    async def run(self) -> None:
        """Run the services until cancelled, or raise `Escalated`."""
        self._escalated = asyncio.get_running_loop().create_future()
        running: dict[asyncio.Future[Any], str] = {
            asyncio.ensure_future(start()): name for name, start in self.services.items()
        }
        try:
            while True:
                done, _ = await asyncio.wait(
                    {*running, self._escalated}, return_when=asyncio.FIRST_COMPLETED
                )
                if self._escalated in done:
                    raise Escalated(self._escalated.result())
                for task in done:
                    name = running.pop(task)
                    error = task.exception()
                    log.error("service %s ended: %s", name, error or "it returned", exc_info=error)
                    if self._intensity.exceeded():
                        raise Escalated(f"services ended more than {self._intensity}; last: {name}")
                    running[asyncio.ensure_future(self._restart(name))] = name
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _restart(self, name: str) -> None:
        await asyncio.sleep(self._pause)
        await self.services[name]()
