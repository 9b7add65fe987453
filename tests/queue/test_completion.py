"""Completions are written together, each by its own token; and the events are those that Procrastinate writes."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import psycopg
import pytest
from procrastinate.schema import SchemaManager

from sfa.db import Database
from sfa.errors import StaleLease
from sfa.queue.completion import Completions
from tests.queue.test_attempts import LEASE, Bench, bench

__all__ = ["bench"]


async def test_what_ends_together_is_one_statement_and_a_stale_one_harms_nobody(
    bench: Bench, database: Database
) -> None:
    jobs = [bench.enqueue() for _ in range(5)]
    tokens = [row["token"] for row in bench.claim()]
    tokens[2] = uuid.uuid4()
    before = bench.one("SELECT pg_stat_get_xact_tuples_inserted('attempts'::regclass) AS n")["n"]
    completions = Completions(database)
    ends = await asyncio.gather(
        *(completions.put(job, token, None) for job, token in zip(jobs, tokens, strict=True)),
        return_exceptions=True,
    )
    assert [type(end) for end in ends] == [type(None)] * 2 + [StaleLease] + [type(None)] * 2
    assert [bench.job(job)["status"] for job in jobs] == ["completed"] * 2 + ["running"] + [
        "completed"
    ] * 2
    ended = bench.one("SELECT count(DISTINCT ended_at) AS n, count(*) AS rows FROM attempts")
    assert ended == {"n": 1, "rows": 4 + before}  # now() is one transaction's


async def test_a_refused_completion_meets_only_its_own_job(
    bench: Bench, database: Database
) -> None:
    jobs = [bench.enqueue() for _ in range(3)]
    tokens = [row["token"] for row in bench.claim()]
    bench.db.execute(
        f"ALTER TABLE attempts ADD CONSTRAINT no_more CHECK (job_id <> {jobs[1]}) NOT VALID".encode()
    )
    completions = Completions(database)
    ends = await asyncio.gather(
        *(completions.put(job, token, None) for job, token in zip(jobs, tokens, strict=True)),
        return_exceptions=True,
    )
    assert ends[0] is None
    assert "no_more" in str(ends[1])
    assert ends[2] is None
    assert bench.job(jobs[1])["status"] == "running"


async def test_a_completion_outlives_every_connection(
    bench: Bench, database: Database, dsn: str
) -> None:
    job = bench.enqueue()
    token = bench.claim()[0]["token"]
    async with await psycopg.AsyncConnection.connect(dsn) as blocker:
        await blocker.execute("LOCK TABLE leases IN ACCESS EXCLUSIVE MODE")
        writing = asyncio.create_task(Completions(database).put(job, token, None))
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%sfa_ack%' AND wait_event_type = 'Lock'"
        for _ in range(2000):
            if bench.db.execute(query).fetchall():
                break
            await asyncio.sleep(0.01)
    await asyncio.wait_for(writing, 30)
    assert bench.job(job)["status"] == "completed"


STEPS = [
    "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q', 't' FROM generate_series(1, 6)",
    "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) VALUES ('q', 't', '2100-01-01')",
    "SELECT procrastinate_fetch_job_v2(NULL, NULL) FROM generate_series(1, 4)",
    "SELECT procrastinate_finish_job_v1(1, 'succeeded', false), procrastinate_finish_job_v1(2, 'failed', false)",
    "SELECT procrastinate_retry_job_v1(3, '2100-01-01', NULL, NULL, NULL)",
    "SELECT procrastinate_retry_job_v2(2, now(), NULL, NULL, NULL)",
    "SELECT procrastinate_cancel_job_v1(4, true, false)",
    "SELECT procrastinate_finish_job_v1(4, 'aborted', false)",
    "SELECT procrastinate_cancel_job_v1(5, false, false)",
    "UPDATE procrastinate_jobs SET priority = 3",
    "SELECT procrastinate_cancel_job_v1(6, true, true)",
]


def history(db: psycopg.Connection[Any]) -> list[Any]:
    for step in STEPS:
        db.execute(step.encode())
    return db.execute(
        "SELECT job_id, type::text, at > '2099-01-01' AS later FROM procrastinate_events ORDER BY job_id, type, later"
    ).fetchall()


def test_the_events_are_procrastinates_own(dsn: str, empty_dsn: str) -> None:
    with (
        psycopg.connect(dsn, autocommit=True) as ours,
        psycopg.connect(empty_dsn, autocommit=True) as theirs,
    ):
        theirs.execute(SchemaManager.get_schema().encode())
        expected = history(theirs)
        assert history(ours) == expected
        assert len(expected) > 15


@pytest.fixture
def line(bench: Bench) -> Bench:
    bench.db.execute("INSERT INTO queues (name, concurrency) VALUES ('line', 50)")
    return bench


def claim(bench: Bench, slots: int = 10) -> list[int]:
    rows = bench.db.execute(
        "SELECT job_id FROM sfa_claim_v1(%s, 'line', %s, %s)", [bench.worker, slots, LEASE]
    ).fetchall()
    return [row["job_id"] for row in rows]


def test_behind_a_long_line_the_other_locks_are_served(line: Bench) -> None:
    insert = "INSERT INTO procrastinate_jobs (queue_name, task_name, lock) SELECT 'line', 't', %s FROM generate_series(1, %s) RETURNING id"
    long = line.db.execute(insert.encode(), ["long", 400]).fetchall()
    others = [line.one(insert, f"other {n}", 1)["id"] for n in range(3)]
    first = claim(line)
    assert sorted(first) == sorted([long[0]["id"], *others])
    assert claim(line) == []
    line.db.execute("UPDATE procrastinate_jobs SET priority = 7 WHERE id = %s", [long[300]["id"]])
    line.db.execute("SELECT procrastinate_finish_job_v1(%s, 'succeeded', false)", [long[0]["id"]])
    assert claim(line) == [long[300]["id"]]


def test_a_lock_holds_across_queues_and_a_later_job_does_not_block(line: Bench) -> None:
    insert = "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, scheduled_at) VALUES (%s, 't', 'deck', %s) RETURNING id"
    line.one(insert, "line", "2100-01-01")
    elsewhere = line.one(insert, "default", None)["id"]
    here = line.one(insert, "line", None)["id"]
    assert claim(line) == []
    line.db.execute("SELECT procrastinate_cancel_job_v1(%s, false, false)", [elsewhere])
    assert claim(line) == [here]


def test_the_queues_limit_counts_what_runs_and_bounds_what_is_written(line: Bench) -> None:
    line.db.execute("UPDATE queues SET concurrency = 4 WHERE name = 'line'")
    line.db.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'line', 't' FROM generate_series(1, 20)"
    )

    def taken(running: int, writing: int) -> int:
        query = "SELECT count(*) AS n FROM sfa_claim_v1(%s, 'line', 1000, %s, %s, %s)"
        n: int = line.one(query, line.worker, LEASE, running, writing)["n"]
        return n

    assert taken(4, 0) == 0
    assert taken(1, 0) == 3
    assert taken(0, 18) == 2
    assert taken(0, 20) == 0
