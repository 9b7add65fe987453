"""Memory: whatever a child says costs the worker none, and a child that runs out of it is told from one that was killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sfa.ports import memory
from sfa.ports.port import Port, PortFailure
from sfa.ports.spec import Clocks, PortSpec
from tests.ports.fates import gone, no_oom_kill, spec

LONG = Clocks(silence=60, stall=120, hard=120)


@contextmanager
def flat(megabytes: int = 32) -> Iterator[None]:
    """Nothing within may make this process larger than that, not even for a moment."""
    memory.forget_peak(os.getpid())
    before = memory.resident(os.getpid())
    yield
    assert memory.peak(os.getpid()) - before < megabytes << 20


async def test_a_line_of_a_gigabyte_costs_no_memory() -> None:
    port = await Port.start(spec("endless_line"), grace=1)
    with flat():
        assert await port.call("go", {}, clocks=LONG) == {"answer": "truth"}
    await port.stop()


@pytest.mark.parametrize("behaviour", ["floods_frames", "floods_rubbish", "floods_stderr"])
async def test_a_flood_costs_no_memory(behaviour: str) -> None:
    port = await Port.start(spec(behaviour), grace=0.2)
    with flat(), pytest.raises(PortFailure):
        await port.call("go", {}, clocks=Clocks(stall=20, hard=2))
    assert gone(port.process.pid)


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group of 64 MB below our own, of either version, where we may make one."""
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    places = []
    for _, names, path in lines:
        if names == "":
            places.append(("memory.max", f"/sys/fs/cgroup{path}"))
        elif "memory" in names.split(","):
            places.append(("memory.limit_in_bytes", f"/sys/fs/cgroup/memory{path}"))
    for limit, place in places:
        group = Path(place) / f"sfa-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            # In a folder of an ordinary file system there would be nothing.
            if os.access(group / limit, os.W_OK):
                (group / limit).write_text(str(64 << 20))
                yield group
                return
        finally:
            group.rmdir()
    pytest.skip("no memory group can be made here")


async def test_a_child_that_the_kernel_kills_for_want_of_memory_has_that_verdict(
    small_group: Path,
) -> None:
    with no_oom_kill(mine=True):
        port = await Port.start(spec("eats_memory", memory_limit=1 << 30), grace=1)
        (small_group / "cgroup.procs").write_text(str(port.process.pid))
        with pytest.raises(PortFailure, match="killed by the kernel: out of memory") as failure:
            await port.call("go", {}, clocks=LONG)
    facts = failure.value.certificate
    assert failure.value.kind == "crash"
    assert (facts["oom"], facts["signal"]) == (True, "SIGKILL")
    assert facts["ended_by"] == "the kernel: out of memory"
    assert facts["peak_rss"] > 32 << 20


async def test_a_child_that_may_not_have_the_memory_says_so_and_lives_on() -> None:
    limited = f'ulimit -v 1000000; exec "{sys.executable}" -m tests.ports.hungry'
    port = await Port.start(PortSpec(name="hungry", command=("sh", "-c", limited)), grace=5)
    with pytest.raises(PortFailure, match="out of memory") as failure:
        await port.call("go", {"megabytes": 4000}, clocks=LONG)
    assert failure.value.kind == "resource"
    assert not port.broken
    assert await port.call("go", {"megabytes": 4}, clocks=LONG) == {"taken": 4}
    await port.stop()
