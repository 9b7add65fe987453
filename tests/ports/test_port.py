"""Ports against a zoo of misbehaving children: the right verdict each time, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sfa.ports.pool import Pool
from sfa.ports.port import Port, PortFailure, PortSpec
from sfa.ports.supervisor import Escalated, Intensity, Supervisor

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


async def call(
    port: Port, *, stall: float = 20, hard: float = 30, heard: list[tuple[float, str]] | None = None
) -> Mapping[str, Any]:
    notes = [] if heard is None else heard
    return await port.call(
        "go",
        {},
        stall=stall,
        hard=hard,
        on_progress=lambda percent, stage: notes.append((percent, stage)),
    )


async def test_a_warm_child_answers_again_and_again() -> None:
    port = await Port.start(spec("good"), grace=1)
    heard: list[tuple[float, str]] = []
    for _ in range(3):
        assert await call(port, heard=heard) == {"answer": 42}
    assert [percent for percent, _ in heard] == [10, 55, 90] * 3
    assert port.calls == 3
    await port.stop()
    assert gone(port.process.pid)
    assert port.process.returncode == 0


FATES = [
    ("segfaults", "crash", {"signal": "SIGSEGV"}),
    ("exits_without_result", "crash", {"exit_code": 0}),
    ("half_a_line", "crash", {"exit_code": 0}),
    ("hangs", "timeout", {"signal": "SIGKILL"}),
    ("hangs_in_c", "timeout", {"signal": "SIGKILL", "last_stage": "stuck"}),
    ("floods_stderr", "crash", {"exit_code": 9}),
]


@pytest.mark.parametrize(("behaviour", "kind", "facts"), FATES)
async def test_every_end_is_explained(behaviour: str, kind: str, facts: dict[str, object]) -> None:
    port = await Port.start(spec(behaviour), grace=0.2)
    with pytest.raises(PortFailure) as failure:
        await call(port, stall=0.3 if kind == "timeout" else 20)
    assert failure.value.kind == kind
    assert facts.items() <= failure.value.certificate.items()
    assert port.broken
    assert gone(port.process.pid)


async def test_last_words_are_kept_and_bounded() -> None:
    port = await Port.start(spec("floods_stderr"), grace=0.2)
    with pytest.raises(PortFailure) as failure:
        await call(port)
    assert failure.value.certificate["stderr"].rstrip().endswith("last words")
    assert len(port.process.stderr_tail) <= 64 * 1024


async def test_a_sound_child_that_refuses_its_input_is_kept() -> None:
    port = await Port.start(spec("input_error"), grace=1)
    for _ in range(2):
        with pytest.raises(PortFailure, match="not audio") as failure:
            await call(port)
        assert failure.value.kind == "input"
    assert not port.broken
    await port.stop()


async def test_lies_and_rubbish_on_stdout_change_nothing() -> None:
    port = await Port.start(spec("wrong_id"), grace=1)
    assert await call(port) == {"answer": "truth"}
    await port.stop()
    port = await Port.start(spec("rubbish"), grace=1)
    heard: list[tuple[float, str]] = []
    assert await call(port, heard=heard) == {"answer": "truth"}
    assert [percent for percent, _ in heard] == [80, 80]
    await port.stop()


async def test_an_endless_line_costs_no_memory() -> None:
    port = await Port.start(spec("endless_line"), grace=1)
    before = _rss()
    assert await call(port) == {"answer": "truth"}
    assert _rss() - before < 32 << 20
    await port.stop()


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_a_child_that_cannot_start_says_why() -> None:
    with pytest.raises(PortFailure, match="no such library"):
        await Port.start(spec("dies_at_start"), grace=0.2)
    with pytest.raises(PortFailure, match="hello"):
        await Port.start(spec("never_ready", start_seconds=0.3), grace=0.2)
    with pytest.raises(PortFailure, match="cannot be started"):
        await Port.start(PortSpec(name="x", command=("/nonexistent",)), grace=0.2)


async def cancelled_call(behaviour: str) -> tuple[Port, list[tuple[float, str]]]:
    port = await Port.start(spec(behaviour), grace=0.3)
    heard: list[tuple[float, str]] = []
    began = asyncio.Event()

    def note(percent: float, stage: str) -> None:
        heard.append((percent, stage))
        began.set()

    task = asyncio.create_task(port.call("go", {}, stall=30, hard=30, on_progress=note))
    await asyncio.wait_for(began.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return port, heard


async def test_cancel_is_asked_for_first() -> None:
    port, _ = await cancelled_call("cancels_well")
    assert not port.broken
    await port.stop()


async def test_a_child_that_is_deaf_to_cancel_is_killed() -> None:
    port, _ = await cancelled_call("ignores_sigterm")
    assert port.broken
    assert gone(port.process.pid)


async def test_grandchildren_go_with_the_child() -> None:
    port, heard = await cancelled_call("family")
    assert gone(port.process.pid)
    assert gone(int(heard[0][1]))


class Zoo:
    """A pool with its diary."""

    def __init__(
        self, behaviour: str, *, size: int = 2, intensity: Intensity | None = None, **options: Any
    ) -> None:
        self.events: list[tuple[str, str | None]] = []
        self.escalations: list[str] = []
        self.pool = Pool(
            spec(behaviour, **options), size=size, grace=0.3, intensity=intensity,
            on_event=lambda _port, _pid, event, detail: self.events.append((event, detail.get("reason"))),
            on_escalate=self.escalations.append,
        )  # fmt: skip


async def test_a_pool_lends_warm_children_and_ends_them() -> None:
    zoo = Zoo("good")
    await zoo.pool.start()
    pids = []
    for _ in range(3):
        async with zoo.pool.lend() as port:
            pids.append(port.process.pid)
            await call(port)
    assert len(set(pids)) == 1
    await zoo.pool.stop()
    await zoo.pool.stop()
    assert zoo.events == [("ready", None), ("removed", "shutdown")]
    assert all(gone(pid) for pid in pids)


async def test_a_pool_lends_no_more_than_its_size() -> None:
    zoo = Zoo("good", size=1)
    async with zoo.pool.lend():
        second = asyncio.create_task(zoo.pool.lend().__aenter__())
        done, _ = await asyncio.wait([second], timeout=0.2)
        assert not done
    await asyncio.wait_for(second, 20)
    await zoo.pool.stop()


async def test_children_are_replaced_after_their_calls() -> None:
    zoo = Zoo("good", max_calls=2)
    for _ in range(4):
        async with zoo.pool.lend() as port:
            await call(port)
    await zoo.pool.stop()
    assert [reason for event, reason in zoo.events if event == "removed"] == [
        "max_calls",
        "max_calls",
    ]


async def test_a_child_that_died_is_never_lent_again_and_too_many_deaths_escalate() -> None:
    zoo = Zoo("segfaults", intensity=Intensity(max_restarts=2, seconds=60))
    pids = set()
    for _ in range(3):
        async with zoo.pool.lend() as port:
            pids.add(port.process.pid)
            with pytest.raises(PortFailure):
                await call(port)
    assert len(pids) == 3
    assert [reason for event, reason in zoo.events if event == "removed"] == ["killed"] * 3
    assert len(zoo.escalations) == 1
    await zoo.pool.stop()


async def test_a_child_that_died_while_idle_is_replaced() -> None:
    zoo = Zoo("result_then_dies")
    for _ in range(2):
        async with zoo.pool.lend() as port:
            assert await call(port) == {"answer": 1}
            await port.process.wait()
    assert [event for event, _ in zoo.events] == ["ready", "removed", "ready", "removed"]
    await zoo.pool.stop()


async def test_the_supervisor_restarts_within_its_budget_and_then_gives_up() -> None:
    starts = {"bad": 0, "good": 0}

    async def bad() -> None:
        starts["bad"] += 1
        raise RuntimeError("again")

    async def good() -> None:
        starts["good"] += 1
        await asyncio.Event().wait()

    supervisor = Supervisor(
        {"bad": bad, "good": good}, Intensity(max_restarts=3, seconds=60), pause=0
    )
    with pytest.raises(Escalated):
        await asyncio.wait_for(supervisor.run(), 20)
    assert starts == {"bad": 4, "good": 1}


def test_the_window_slides() -> None:
    now = [0.0]
    intensity = Intensity(max_restarts=2, seconds=10, clock=lambda: now[0])
    assert [intensity.exceeded(), intensity.exceeded()] == [False, False]
    now[0] = 11
    assert intensity.exceeded() is False
    assert [intensity.exceeded(), intensity.exceeded()] == [False, True]
