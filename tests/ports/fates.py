"""What becomes of each child of the zoo: the verdict, the certificate, and that nothing is left of it.

python -m tests.ports.fates 100     a hundred rounds of all of them, with a count of what leaked
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import select
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sfa.ports import kin, memory
from sfa.ports.port import Port, PortFailure
from sfa.ports.spec import Clocks, PortSpec

ZOO = Path(__file__).with_name("zoo.py")


def spec(behaviour: str, **options: Any) -> PortSpec:
    return PortSpec(name=behaviour, command=(sys.executable, "-S", str(ZOO), behaviour), **options)


def gone(pid: int) -> bool:
    """Whether the process has ended, within two seconds: a signal that was sent takes a moment to kill."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 2)[0])
    finally:
        os.close(handle)


@contextmanager
def no_oom_kill(mine: bool = False) -> Iterator[None]:
    """Nobody tests the kernel's killing meanwhile (``mine``: but I): where nobody counts by child, one is taken for the other."""
    with (Path(tempfile.gettempdir()) / f"sfa-oom-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if mine else fcntl.LOCK_SH)
        yield


@dataclass(frozen=True)
class Fate:
    """A behaviour, the kind of failure it ends in ("" for none), and what the certificate or the result must hold."""

    behaviour: str
    kind: str = ""
    facts: dict[str, object] = field(default_factory=dict)
    answer: dict[str, object] | None = None
    sound: bool = False
    clocks: Clocks = Clocks(silence=120, stall=120, hard=180)  # noqa: RUF009 - frozen
    options: dict[str, Any] = field(default_factory=dict)


HASTY = Clocks(silence=120, stall=0.3, hard=180)
OURS = {"signal": "SIGKILL", "oom": False}

FATES = [
    Fate("segfaults", "crash", {"signal": "SIGSEGV", "ended_by": "itself"}),
    Fate("exits_without_result", "crash", {"exit_code": 0, "ended_by": "itself"}),
    Fate("half_a_line", "crash", {"exit_code": 0}),
    Fate("floods_stderr", "crash", {"exit_code": 9}),
    Fate("killed_by_somebody", "crash", {"signal": "SIGKILL", "ended_by": "somebody else: SIGKILL"}),
    Fate("closes_stdout", "crash", {"ended_by": "it closed its stdout", **OURS}),
    Fate("forks_a_hundred", "crash", {"exit_code": 5}),
    Fate("daemon", "crash", {"exit_code": 6}),
    Fate("hangs", "timeout", {"signal": "SIGTERM", "ended_by": "hangs made no progress for 0.3 s"}, clocks=HASTY),
    Fate("beats_and_hangs", "timeout", {"signal": "SIGTERM"}, clocks=HASTY),
    Fate("same_progress_for_ever", "timeout", {"last_percent": 50.0}, clocks=HASTY),
    Fate("ignores_sigterm", "timeout", OURS, clocks=HASTY),
    Fate("hangs_in_c", "timeout", {"last_stage": "stuck", "ended_by": "hangs_in_c was silent for 0.5 s", **OURS}, clocks=Clocks(silence=0.5, stall=120, hard=180)),
    Fate("stops_itself", "timeout", {"ended_by": "stops_itself was silent for 0.5 s", **OURS}, clocks=Clocks(silence=0.5, stall=120, hard=180)),
    Fate("nan_result", "internal", {"protocol_errors": 1}, sound=True),
    Fate("error_then_exit_0", "internal", {"why": "error: internal"}),
    Fate("eats_memory", "resource", OURS, options={"memory_limit": 256 << 20}),
    Fate("floods_rubbish", "internal", OURS),
    Fate("floods_frames", "timeout", {"last_percent": 5.0}, clocks=HASTY),
]  # fmt: skip

FINE = [
    Fate("good", answer={"answer": 42}, sound=True),
    Fate("wrong_id", answer={"answer": "truth"}, sound=True),
    Fate("rubbish", answer={"answer": "truth"}, sound=True),
    Fate("prints_from_c", answer={"answer": "truth"}, sound=True),
    Fate("result_then_dies", answer={"answer": 1}),
    Fate("result_then_segfault", answer={"answer": 1}),
    Fate("daemon_then_result", sound=True),
    Fate("input_error", "input", sound=True),
]


async def check(fate: Fate) -> None:
    """Live through one fate; nothing may be left of it."""
    kin.adopt()
    try:
        port = await Port.start(spec(fate.behaviour, **fate.options), grace=0.3)
        stages: list[str] = []
        result: Any = None
        try:
            result = await port.call(
                "go", {}, clocks=fate.clocks, on_progress=lambda _, stage: stages.append(stage)
            )
            assert not fate.kind, f"no failure came, but {result}"
            assert fate.answer is None or result == fate.answer
        except PortFailure as failure:
            assert failure.kind == fate.kind, failure
            assert fate.facts.items() <= failure.certificate.items(), failure.certificate
            assert failure.certificate["cpu_seconds"] >= 0
        if fate.sound:
            assert not port.broken
        await port.stop()
        assert gone(port.process.pid)
        left = [int(stage) for stage in stages[:1] if stage.isdigit()]
        left += [result["daemon"]] if result and "daemon" in result else []
        assert all(gone(pid) for pid in left), left
        assert not [
            pid for pid in kin.descendants(os.getpid()) if kin.marked(pid, port.process.mark)
        ]
    finally:
        kin.adopt(False)


def measure() -> tuple[int, int, int]:
    """Processes of ours, open descriptors, resident megabytes."""
    gc.collect()
    return (
        len(list(kin.descendants(os.getpid()))),
        len(os.listdir("/proc/self/fd")),
        memory.resident(os.getpid()) >> 20,
    )


async def rounds(count: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Run the whole zoo ``count`` times; what was there after the first round and after the last."""
    first = last = (0, 0, 0)
    for number in range(count):
        for fate in (*FATES, *FINE):
            await check(fate)
        last = measure()
        if number == 0:
            first = last
        if number % 10 == 9:
            print(f"  {number + 1} rounds: {last}", file=sys.stderr, flush=True)
    return first, last


def main(argv: list[str]) -> int:
    """Run the rounds and say what leaked; 1 if anything did."""
    count = int(argv[0]) if argv else 100
    began = time.monotonic()
    first, last = asyncio.run(rounds(count))
    print(
        f"{count} rounds of {len(FATES) + len(FINE)} children in {time.monotonic() - began:.0f} s"
    )
    for name, before, after in zip(
        ("processes", "descriptors", "megabytes"), first, last, strict=True
    ):
        print(f"  {name:<12} {before} after the first round, {after} after the last")
    return int(last[0] > first[0] or last[1] > first[1] or last[2] > first[2] + 16)


if __name__ == "__main__":
    import logging

    logging.disable(logging.CRITICAL)
    sys.exit(main(sys.argv[1:]))
