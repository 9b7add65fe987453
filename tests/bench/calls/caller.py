"""Make calls one after the other, one way, and print what they took: `python -m tests.bench.calls.caller WAY WORK COUNT ARGS`.

Ways: sfa (a pool of warm children), process (a fresh Python a call), executor (ProcessPoolExecutor), loky. Each has one
worker and starts from nothing; the first call's seconds include that start. Printed is one JSON object: seconds (a call
each), first (seconds), processor (seconds a call but the first, of this process and all below it), memory (this
process's resident bytes after each tenth of the calls).
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sfa.ports import kin, memory
from tests.bench.calls import work

PROGRAMS = {
    "nothing": "tests.bench.calls.idle",
    "analyze": "sfa.ports.children.analyzer",
    "separate": "sfa.ports.children.demucs_runner",
}
# Alike for all of them: two cores are not to be fought over.
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}

Once = Callable[[], Any]


def main(argv: list[str]) -> int:
    """Measure; the exit code."""
    way, name, count, text = argv
    args = json.loads(text)
    os.environ.update(THREADS)
    if way == "sfa":
        print(json.dumps(asyncio.run(_sfa(name, int(count), args))))
        return 0
    with WAYS[way](name, args) as once:
        print(json.dumps(_measure(once, int(count))))
    return 0


def _measure(once: Once, count: int) -> dict[str, Any]:
    diary = Diary(count)
    for _ in range(count):
        began = time.perf_counter()
        once()
        diary.note(time.perf_counter() - began)
    return diary.told()


class Diary:
    """What the calls took, and how this process grew."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._every = max(1, count // 10)
        self._seconds: list[float] = []
        self._memory: list[int] = []
        self._processor: list[float] = []

    def note(self, seconds: float) -> None:
        """One call is over."""
        self._seconds.append(seconds)
        if len(self._seconds) in (1, self._count):
            self._processor.append(_processor())
        if len(self._seconds) % self._every == 0:
            with open("/proc/self/statm") as file:
                self._memory.append(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))

    def told(self) -> dict[str, Any]:
        """Everything; the first call apart."""
        first, *rest = self._seconds
        spent = (self._processor[-1] - self._processor[0]) / max(1, len(rest))
        return {"first": first, "seconds": rest, "processor": spent, "memory": self._memory}


def _processor() -> float:
    """Processor seconds of this process, of those below it, and of those that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    living = sum(memory.cpu_seconds(pid) for pid in kin.descendants(os.getpid()))
    return time.process_time() + ended.ru_utime + ended.ru_stime + living


async def _sfa(name: str, count: int, args: Mapping[str, Any]) -> dict[str, Any]:
    from sfa.ports.pool import Pool
    from sfa.ports.spec import Clocks, PortSpec

    spec = PortSpec(
        name=name, command=(sys.executable, "-m", PROGRAMS[name]), env=THREADS, max_calls=1_000_000
    )
    pool = Pool(
        spec, size=1, grace=5, on_event=lambda *_: None, on_escalate=lambda why: sys.exit(why)
    )
    await pool.start()
    clocks = Clocks(stall=600, hard=600)
    diary = Diary(count)
    for _ in range(count):
        began = time.perf_counter()
        async with pool.lend() as port:
            await port.call(name, args, clocks=clocks)
        diary.note(time.perf_counter() - began)
    await pool.stop()
    return diary.told()


@contextmanager
def _process(name: str, args: Mapping[str, Any]) -> Iterator[Once]:
    script = "import json, sys; from tests.bench.calls import work; "
    script += "json.dump(work.call(sys.argv[1], json.loads(sys.argv[2])), sys.stdout, default=str)"
    command = [sys.executable, "-c", script, name, json.dumps(args)]
    yield lambda: json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


@contextmanager
def _executor(name: str, args: Mapping[str, Any]) -> Iterator[Once]:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1, initializer=work.prepare, initargs=(name,)) as pool:
        yield lambda: pool.submit(work.call, name, args).result()


@contextmanager
def _loky(name: str, args: Mapping[str, Any]) -> Iterator[Once]:
    import importlib

    executor = importlib.import_module("loky").ProcessPoolExecutor
    with executor(1, initializer=work.prepare, initargs=(name,)) as pool:
        yield lambda: pool.submit(work.call, name, args).result()


WAYS = {"process": _process, "executor": _executor, "loky": _loky}

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
