"""Ports against a zoo of misbehaving children: the right verdict each time, and nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from sfa.ports.pool import Pool
from sfa.ports.port import Port, PortFailure
from sfa.ports.spec import Clocks, PortSpec
from sfa.ports.supervisor import Intensity
from tests.ports.fates import FATES, FINE, Fate, check, gone, no_oom_kill, spec


async def call(
    port: Port,
    *,
    silence: float = 120,
    stall: float = 120,
    hard: float = 180,
    heard: list[tuple[float, str]] | None = None,
) -> Mapping[str, Any]:
    notes = [] if heard is None else heard
    return await port.call(
        "go",
        {},
        clocks=Clocks(silence=silence, stall=stall, hard=hard),
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


@pytest.mark.parametrize("fate", FATES, ids=lambda fate: fate.behaviour)
async def test_every_end_is_explained_and_leaves_nothing(fate: Fate) -> None:
    with no_oom_kill():
        await check(fate)


@pytest.mark.parametrize("fate", FINE, ids=lambda fate: fate.behaviour)
async def test_what_a_child_may_do_and_still_be_believed(fate: Fate) -> None:
    await check(fate)


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


async def test_progress_never_falls_and_stays_within_its_range() -> None:
    port = await Port.start(spec("rubbish"), grace=1)
    heard: list[tuple[float, str]] = []
    assert await call(port, heard=heard) == {"answer": "truth"}
    assert [percent for percent, _ in heard] == [80, 80]
    await port.stop()


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

    task = asyncio.create_task(
        port.call("go", {}, clocks=Clocks(stall=30, hard=30), on_progress=note)
    )
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
        self, behaviour: str, *, size: int = 2, intensity: Intensity | None = None,
        free: int = 1 << 40, **options: Any,
    ) -> None:  # fmt: skip
        self.events: list[tuple[str, str | None]] = []
        self.escalations: list[str] = []
        self.pool = Pool(
            spec(behaviour, **options), size=size, grace=0.3, intensity=intensity,
            on_event=lambda _port, _pid, event, detail: self.events.append((event, detail.get("reason"))),
            on_escalate=self.escalations.append, free=lambda: free,
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
    zoo = Zoo("good", max_calls=2, free=0)
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


async def test_the_replacement_is_started_first_where_there_is_room() -> None:
    zoo = Zoo("good", max_calls=1)
    async with zoo.pool.lend() as old:
        await call(old)
    assert [state for _, state in zoo.pool.ports] == ["idle"]
    await asyncio.gather(*zoo.pool._tasks)
    assert zoo.events == [("ready", None), ("ready", None), ("removed", "max_calls")]
    async with zoo.pool.lend() as new:
        assert new is not old
    await zoo.pool.stop()


async def test_a_worn_child_that_was_lent_meanwhile_goes_when_it_comes_back() -> None:
    zoo = Zoo("good", max_calls=1)
    async with zoo.pool.lend() as old:
        await call(old)
    async with zoo.pool.lend() as again:
        assert again is old
        await asyncio.gather(*zoo.pool._tasks)
        assert ("removed", "max_calls") not in zoo.events
    assert ("removed", "max_calls") in zoo.events
    await zoo.pool.stop()


async def test_children_are_replaced_by_age_and_by_memory() -> None:
    for reason, options in (("max_age", {"max_age": 0.0}), ("max_rss", {"max_rss": 1})):
        zoo = Zoo("good", free=0, **options)
        async with zoo.pool.lend() as port:
            await call(port)
        assert zoo.events == [("ready", None), ("removed", reason)]
        await zoo.pool.stop()


async def test_an_eager_pool_keeps_its_children_ready_and_ends_the_idle_rest() -> None:
    zoo = Zoo("good", min_idle=1, idle_seconds=0)
    await zoo.pool.sweep()
    assert len(zoo.pool.ports) == 1
    async with zoo.pool.lend() as first, zoo.pool.lend() as second:
        await call(first)
        await call(second)
    await zoo.pool.sweep()
    assert [event for event, _ in zoo.events] == ["ready", "ready", "removed"]
    assert zoo.events[-1] == ("removed", "idle")
    await zoo.pool.stop()


async def test_the_child_that_was_used_last_is_lent_first() -> None:
    zoo = Zoo("good")
    async with zoo.pool.lend() as first:
        async with zoo.pool.lend():
            pass
        await call(first)
    async with zoo.pool.lend() as again:
        assert again is first
    await zoo.pool.stop()


async def test_a_request_that_is_not_read_runs_into_the_clocks() -> None:
    port = await Port.start(spec("never_reads_stdin"), grace=0.2)
    with pytest.raises(PortFailure, match="no progress"):
        await port.call("go", {"x": "y" * 500_000}, clocks=Clocks(stall=0.3, hard=30))
    assert port.broken
    assert gone(port.process.pid)
