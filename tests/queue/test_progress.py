"""Progress: a quiet job's word at once, a loud one's twice a second in the long run, all that is due in one statement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import uuid4

import pytest

from sfa.db import Database
from sfa.queue.progress import ALLOWANCE, ProgressWriter

TOKEN = uuid4()


class Written:
    """A database that remembers what it was told, and a clock that goes when it is told to."""

    def __init__(self) -> None:
        self.statements: asyncio.Queue[dict[int, tuple[float, str]]] = asyncio.Queue()
        self.now = 1000.0

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Written]:
        yield self

    async def run(self, name: str, **told: Any) -> int:
        assert name == "attempt_progress"
        words = zip(told["percents"], told["stages"], strict=True)
        self.statements.put_nowait(dict(zip(told["jobs"], words, strict=True)))
        return 1

    def writer(self) -> ProgressWriter:
        return ProgressWriter(cast(Database, self), clock=lambda: self.now)

    @property
    def said(self) -> list[dict[int, tuple[float, str]]]:
        return [self.statements.get_nowait() for _ in range(self.statements.qsize())]


async def test_a_flood_is_written_twice_a_second_in_the_long_run() -> None:
    db = Written()
    writer = db.writer()
    for step in range(4000):  # a hundred seconds of forty words a second, each of a new stage
        db.now = 1000 + step / 40
        for job in (1, 2):
            writer.put(job, TOKEN, step / 40, f"step {step}")
        await writer.flush()
    said = db.said
    assert ALLOWANCE + 190 <= len(said) <= ALLOWANCE + 201
    assert all(set(told) == {1, 2} for told in said), "one statement for both"
    assert [told[1][0] for told in said[:3]] == [0, 0.25, 0.5], "at first at once, and quickly"


async def test_after_a_rest_a_job_is_heard_at_once_again() -> None:
    db = Written()
    writer = db.writer()
    for seconds in (0, 1, 1.1, 2, 10, 10.2):
        db.now = 1000 + seconds
        writer.put(1, TOKEN, seconds * 2, "work")
        await writer.flush()
    assert [told[1][0] for told in db.said] == [0, 2, 4, 20]
    db.now += 0.1
    await writer.flush()
    assert db.said == [], "less than a per cent can wait"
    db.now += 2
    await writer.flush()
    assert db.said == [{1: (20.4, "work")}], "but is not lost"


async def test_what_is_shown_already_or_ended_is_not_written() -> None:
    db = Written()
    writer = db.writer()
    for percent in (10, 30, 10):
        writer.put(1, TOKEN, percent, "work")
        await writer.flush()
    writer.put(2, TOKEN, 50, "work")
    writer.forget(2)
    db.now += 60
    await writer.flush()
    assert db.said == [{1: (10, "work")}]


async def test_a_quiet_job_does_not_wait_for_a_loud_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loud one would be due in half a minute: the service writes the quiet one's word meanwhile."""
    monkeypatch.setattr("sfa.queue.progress.SOON", 30.0)
    db = Written()
    writer = db.writer()
    task = asyncio.create_task(writer.run())
    try:
        async with asyncio.timeout(20):
            writer.put(1, TOKEN, 10, "loud")
            assert await db.statements.get() == {1: (10, "loud")}
            writer.put(1, TOKEN, 20, "loud")
            writer.put(2, TOKEN, 5, "quiet")
            assert await db.statements.get() == {2: (5, "quiet")}
            db.now += 30
            writer.put(3, TOKEN, 1, "wakes it")
            assert await db.statements.get() == {1: (20, "loud"), 3: (1, "wakes it")}
    finally:
        task.cancel()
