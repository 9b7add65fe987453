"""The supervisor of a worker's services: order, strategies, restart types, shutdown times, budget."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

import pytest

from sfa.ports.supervisor import (
    BRUTAL_KILL,
    Escalated,
    Intensity,
    Restart,
    Service,
    Strategy,
    Supervisor,
)


class Stage:
    """Services a, b, c with a diary; each can be told to end."""

    def __init__(
        self, strategy: Strategy, restart: Restart = Restart.PERMANENT, budget: int = 5
    ) -> None:
        self.diary: list[str] = []
        self.ends: dict[str, asyncio.Future[None]] = {}
        self.supervisor = Supervisor(
            [self.service(name, restart if name == "b" else Restart.PERMANENT) for name in "abc"],
            strategy, Intensity(max_restarts=budget, seconds=60), pause=0,
        )  # fmt: skip
        self.changed = asyncio.Event()

    def service(self, name: str, restart: Restart) -> Service:
        async def start() -> None:
            self.diary.append(f"+{name}")
            self.ends[name] = asyncio.get_running_loop().create_future()

        async def run() -> None:
            self.changed.set()
            await self.ends[name]

        async def stop() -> None:
            self.diary.append(f"-{name}")

        return Service(name=name, start=start, run=run, stop=stop, restart=restart)

    async def until(self, entries: int) -> None:
        async with asyncio.timeout(20):
            while len(self.diary) < entries or any(end.done() for end in self.ends.values()):
                self.changed.clear()
                await self.changed.wait()


async def _play(stage: Stage, entries: int, *, error: bool = True) -> list[str]:
    """End b once everything runs; the diary until everything has stopped."""
    task = asyncio.create_task(stage.supervisor.run())
    await stage.until(3)
    if error:
        stage.ends["b"].set_exception(RuntimeError("b fell"))
    else:
        stage.ends["b"].set_result(None)
    if entries > 3:
        await stage.until(entries)
    else:
        while "b" in stage.supervisor._running:
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return stage.diary


STRATEGIES = [
    (Strategy.ONE_FOR_ONE, ["+b"]),
    (Strategy.REST_FOR_ONE, ["-c", "+b", "+c"]),
    (Strategy.ONE_FOR_ALL, ["-c", "-a", "+a", "+b", "+c"]),
]


@pytest.mark.parametrize(("strategy", "between"), STRATEGIES)
async def test_what_is_restarted_with_the_one_that_fell(
    strategy: Strategy, between: list[str]
) -> None:
    diary = await _play(Stage(strategy), 3 + len(between))
    assert diary == ["+a", "+b", "+c", *between, "-c", "-b", "-a"]


TYPES = [
    (Restart.PERMANENT, True, True),
    (Restart.PERMANENT, False, True),
    (Restart.TRANSIENT, True, True),
    (Restart.TRANSIENT, False, False),
    (Restart.TEMPORARY, True, False),
    (Restart.TEMPORARY, False, False),
]


@pytest.mark.parametrize(("restart", "error", "again"), TYPES)
async def test_restart_types(restart: Restart, error: bool, again: bool) -> None:
    diary = await _play(Stage(Strategy.ONE_FOR_ONE, restart), 4 if again else 3, error=error)
    assert diary.count("+b") == (2 if again else 1)


async def test_within_its_budget_and_then_it_gives_up_and_everything_stops() -> None:
    starts: Counter[str] = Counter()
    stopped: list[str] = []

    async def bad() -> None:
        starts["bad"] += 1
        raise RuntimeError("again")

    async def good() -> None:
        starts["good"] += 1
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append("good")

    supervisor = Supervisor(
        [Service(name="good", run=good), Service(name="bad", run=bad)],
        intensity=Intensity(max_restarts=3, seconds=60),
        pause=0,
    )
    with pytest.raises(Escalated, match="3 times in 60 s"):
        await asyncio.wait_for(supervisor.run(), 20)
    assert starts == {"bad": 4, "good": 1}
    assert stopped == ["good"]


async def test_one_that_does_not_start_again_uses_up_the_budget() -> None:
    starts = 0

    async def start() -> None:
        nonlocal starts
        starts += 1
        if starts > 1:
            raise OSError("no")

    async def run() -> None:
        raise RuntimeError("fell")

    supervisor = Supervisor(
        [Service(name="x", start=start, run=run)],
        intensity=Intensity(max_restarts=2, seconds=60),
        pause=0,
    )
    with pytest.raises(Escalated):
        await asyncio.wait_for(supervisor.run(), 20)
    assert starts == 3


async def test_a_failed_start_stops_what_was_started() -> None:
    stage = Stage(Strategy.ONE_FOR_ONE)

    async def fail() -> None:
        raise OSError("no such thing")

    stage.supervisor.services.append(Service(name="d", start=fail))
    with pytest.raises(Escalated, match="d did not start: no such thing"):
        await stage.supervisor.run()
    assert stage.diary == ["+a", "+b", "+c", "-c", "-b", "-a"]


async def test_a_stop_has_its_time_and_a_brutal_kill_is_not_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[str] = []

    def service(name: str, shutdown: float | str) -> Service:
        async def stop() -> None:
            asked.append(name)
            await asyncio.Event().wait()

        return Service(name=name, stop=stop, shutdown=shutdown)  # type: ignore[arg-type]

    supervisor = Supervisor([service("slow", 0.01), service("brutal", BRUTAL_KILL)])
    task = asyncio.create_task(supervisor.run())
    while len(supervisor._running) < 2:
        await asyncio.sleep(0)
    task.cancel()
    with caplog.at_level(logging.ERROR):
        await asyncio.gather(task, return_exceptions=True)
    assert asked == ["slow"]
    assert "slow did not stop within 0.01 s" in caplog.text


def test_the_window_slides() -> None:
    now = [0.0]
    intensity = Intensity(max_restarts=2, seconds=10, clock=lambda: now[0])
    assert [intensity.exceeded(), intensity.exceeded()] == [False, False]
    now[0] = 11
    assert intensity.count == 0
    assert intensity.exceeded() is False
    assert [intensity.exceeded(), intensity.exceeded()] == [False, True]
