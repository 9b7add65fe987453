"""Progress is one statement for all jobs, twice a second at most, and the latest value of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import uuid4

import pytest

from sfa.db import Database
from sfa.queue.progress import ProgressWriter


class Written:
    """A database that remembers what it was told."""

    def __init__(self) -> None:
        self.statements: list[dict[str, Any]] = []

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Written]:
        yield self

    async def run(self, name: str, **parameters: Any) -> int:
        assert name == "attempt_progress"
        self.statements.append(parameters)
        return 1


async def test_a_flood_of_progress_is_one_statement_a_half_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paused: asyncio.Queue[float] = asyncio.Queue()
    go_on = asyncio.Event()

    async def pause(seconds: float) -> None:
        paused.put_nowait(seconds)
        await go_on.wait()
        go_on.clear()

    db = Written()
    writer = ProgressWriter(cast(Database, db))
    token = uuid4()
    monkeypatch.setattr("sfa.queue.progress.asyncio.sleep", pause)
    task = asyncio.create_task(writer.run())
    for job in (1, 2):
        writer.put(job, token, 1, "reading")
    assert await paused.get() >= 0.5
    for percent in range(2, 90):
        for job in (1, 2):
            writer.put(job, token, percent, "work")
    go_on.set()
    assert await paused.get() >= 0.5
    task.cancel()
    assert [(told["jobs"], told["percents"]) for told in db.statements] == [
        ([1, 2], [1, 1]),
        ([1, 2], [89, 89]),
    ]


async def test_less_than_a_per_cent_of_one_stage_is_not_worth_a_write() -> None:
    db = Written()
    writer = ProgressWriter(cast(Database, db))
    token = uuid4()
    for percent, stage in ((10, "a"), (10.5, "a"), (10.5, "b"), (11.4, "b"), (11.6, "b")):
        writer.put(1, token, percent, stage)
        await writer.flush()
    assert [told["percents"] for told in db.statements] == [[10], [10.5], [11.6]]
    writer.put(1, token, 50, "b")
    writer.forget(1)
    await writer.flush()
    assert len(db.statements) == 3
