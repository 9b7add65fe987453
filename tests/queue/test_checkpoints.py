"""A checkpoint is the lease holder's to write and the next attempt's to read."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from sfa.db import Database, Session
from sfa.jobs import analysis, resources
from sfa.jobs.runner import Run
from sfa.queue.attempt import Record
from sfa.queue.checkpoint import Checkpoints
from tests.jobs.conftest import studio
from tests.jobs.studio import Studio

__all__ = ["studio"]


async def _attempt(db: psycopg.AsyncConnection[dict[str, Any]]) -> tuple[int, UUID]:
    """A claimed analysis job: its queue row and its token."""
    await db.execute(
        """WITH w AS (SELECT worker_id AS id FROM procrastinate_register_worker_v1())
        INSERT INTO workers (id, name, host, host_key, pid, pid_started, queue_name)
        SELECT id, 'w', 'h', 'k', 1, 1, 'analysis' FROM w"""
    )
    await db.execute(
        "WITH t AS (INSERT INTO tracks (title) VALUES ('t') RETURNING id) INSERT INTO analysis_jobs (track_id) SELECT id FROM t"
    )
    return await _claim(db)


async def _claim(db: psycopg.AsyncConnection[dict[str, Any]]) -> tuple[int, UUID]:
    cursor = await db.execute(
        "SELECT job_id, token FROM sfa_claim_v1((SELECT max(id) FROM workers), 'analysis', 1, '1 hour')"
    )
    row = await cursor.fetchone()
    assert row is not None
    return row["job_id"], row["token"]


async def _end(db: psycopg.AsyncConnection[dict[str, Any]], job: int, token: UUID) -> None:
    await db.execute(
        "SELECT sfa_finish_v1(%s, %s, 'lost', 'it died', 'crash', NULL, interval '0')", [job, token]
    )


async def test_the_next_attempt_gets_the_last_one(studio: Studio, database: Database) -> None:
    job, token = await _attempt(studio.db)
    checkpoints = Checkpoints(database)
    assert await checkpoints.resume(job, token, "p", "go") is None
    for block in range(3):
        checkpoints.put(job, token, "p", "go", {"block": block})
    await checkpoints.settle(job)
    await _end(studio.db, job, token)
    job, token = await _claim(studio.db)
    assert await checkpoints.resume(job, token, "p", "other") is None
    assert await checkpoints.resume(job, token, "p", "go") == {"block": 2}


async def test_a_stranger_writes_and_reads_nothing(studio: Studio, database: Database) -> None:
    job, token = await _attempt(studio.db)
    checkpoints = Checkpoints(database)
    checkpoints.put(job, uuid4(), "p", "go", {"block": 9})
    await checkpoints.flush()
    assert await checkpoints.resume(job, token, "p", "go") is None
    checkpoints.put(job, token, "p", "go", {"block": 1})
    await checkpoints.flush()
    assert await checkpoints.resume(job, uuid4(), "p", "go") is None


async def test_one_that_leads_nowhere_is_given_up(studio: Studio, database: Database) -> None:
    job, token = await _attempt(studio.db)
    checkpoints = Checkpoints(database)
    checkpoints.put(job, token, "p", "go", {"block": 1})
    await checkpoints.flush()
    handed = [await checkpoints.resume(job, token, "p", "go") for _ in range(4)]
    assert handed == [{"block": 1}] * 3 + [None]


async def test_a_fresh_start_by_hand_starts_from_the_beginning(
    studio: Studio, database: Database
) -> None:
    job, token = await _attempt(studio.db)
    checkpoints = Checkpoints(database)
    checkpoints.put(job, token, "p", "go", {"block": 1})
    await checkpoints.flush()
    await studio.db.execute(
        "SELECT sfa_finish_v1(%s, %s, 'failed', 'no', 'internal', NULL, interval '0')", [job, token]
    )
    await studio.db.execute("SELECT sfa_retry(%s)", [job])
    job, token = await _claim(studio.db)
    assert await checkpoints.resume(job, token, "p", "go") is None


async def test_what_postgresql_would_refuse_harms_nobody_else(
    studio: Studio, database: Database
) -> None:
    job, token = await _attempt(studio.db)
    checkpoints = Checkpoints(database)
    checkpoints.put(job, token, "p", "go", {"block": 1})
    checkpoints.put(job, token, "p", "go", {"name": "nul\0"})
    checkpoints.put(job, token, "p", "go", {"name": "\ud800"})
    await checkpoints.settle(job)
    assert await checkpoints.resume(job, token, "p", "go") == {"block": 1}


async def test_a_child_that_dies_is_resumed_through_a_whole_worker(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = []

    async def perform(work: Run) -> Record:
        answers.append(await work.call("analyzer", "go"))

        async def record(session: Session) -> None:
            pass

        return record

    monkeypatch.setattr(analysis, "perform", perform)
    monkeypatch.setitem(resources.PROGRAMS, "analyzer", "tests.ports.resumer")
    await studio.db.execute("INSERT INTO tracks (title) VALUES ('t')")
    async with studio.worker("analysis"):
        track = (await studio.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id"))["id"]
        await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
        job = await studio.ended(track, "analysis")
    assert job["status"] == "completed"
    assert answers == [{"began_at": 3}]
