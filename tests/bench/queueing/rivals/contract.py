"""What each contestant's program answers to: one command, one JSON object a line on stdout. Standard library only.

prepare COUNT     make the schema, and what so many jobs need
bulk COUNT        enqueue so many by the documented path for many; answers seconds
single COUNT      enqueue so many, one at a time; answers seconds
paced COUNT GAP   enqueue one every GAP seconds; answers when each was about to be sent, by its key, but for the
                  first ten, which find a new connection and its server process with nothing planned
work SLOTS COUNT  be a worker; tells the first start and the COUNT-th; on SIGTERM answers all starts by key
park COUNT        enqueue so many on a queue that nobody works on (a pattern for the million)
defer COUNT       enqueue so many for tomorrow
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from abc import ABC, abstractmethod

CHUNK = 1000
COLD = 10
QUEUE, PARKED = "noop", "parked"


def say(**facts: object) -> None:
    """Answer."""
    print(json.dumps(facts), flush=True)


class Starts:
    """Every start of a job: its key and the time."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._all: list[tuple[str, float]] = []
        self._cpu = 0.0

    def note(self, key: object) -> None:
        """A job has started."""
        self._all.append((str(key), time.time()))
        if len(self._all) == 1:
            self._cpu = time.process_time()
            say(first=self._all[0][1])
        if len(self._all) == self._expected:
            say(last=self._all[-1][1])

    def tell(self) -> None:
        """Answer them all."""
        say(starts=dict(self._all), count=len(self._all), cpu=time.process_time() - self._cpu)


class Contestant(ABC):
    """One contestant; ``dsn`` is a postgresql:// URL."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    @abstractmethod
    async def prepare(self, count: int) -> None:
        """Make the schema, and whatever ``count`` jobs and some single ones need beside it."""

    async def __aenter__(self) -> Contestant:
        """Open what enqueuing needs."""
        return self

    @abstractmethod
    async def __aexit__(self, *_: object) -> None:
        """Close it."""

    @abstractmethod
    async def bulk(self, count: int, *, queue: str = QUEUE, later: bool = False) -> None:
        """Enqueue ``count`` jobs, `CHUNK` at a time."""

    @abstractmethod
    async def one(self, number: int) -> object:
        """Enqueue one job; the key that its start will have, if not its number."""

    @abstractmethod
    async def work(self, slots: int, starts: Starts) -> None:
        """Work until cancelled."""


async def _play(contestant: Contestant, command: str, *arguments: str) -> None:
    if command == "prepare":
        await contestant.prepare(int(arguments[0]))
        say(done=True)
        return
    if command == "work":
        starts = Starts(int(arguments[1]))
        task = asyncio.ensure_future(contestant.work(int(arguments[0]), starts))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await asyncio.wait({task})
        starts.tell()
        return
    async with contestant:
        count, began = int(arguments[0]), time.perf_counter()
        if command == "single":
            for number in range(count):
                await contestant.one(number)
        elif command == "paced":
            sent = {}
            for number in range(count + COLD):
                await asyncio.sleep(float(arguments[1]))
                at = time.time()
                key = await contestant.one(number)
                if number >= COLD:
                    sent[str(number if key is None else key)] = at
            say(sent=sent)
        elif command in ("bulk", "park", "defer"):
            queue = PARKED if command == "park" else QUEUE
            await contestant.bulk(count, queue=queue, later=command == "defer")
        else:
            raise SystemExit(f"no command {command!r}")
        say(seconds=time.perf_counter() - began)


def main(contestant: type[Contestant]) -> None:
    """Play one command of the command line."""
    asyncio.run(_play(contestant(sys.argv[1]), *sys.argv[2:]))
