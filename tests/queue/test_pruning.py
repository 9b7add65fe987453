"""Old queue rows go, and finding out that none is left to go does not take a walk through the table."""

from __future__ import annotations

from typing import Any

import psycopg

from sfa.db import statement
from sfa.postgres.throwaway import Throwaway
from tests.queue.test_attempts import Bench, bench

__all__ = ["bench"]


def fill(superuser: psycopg.Connection[Any], count: int, status: str, days: int) -> None:
    """So many jobs of a state, enqueued and ended so long ago."""
    superuser.execute(
        """WITH made AS (
               INSERT INTO procrastinate_jobs (queue_name, task_name, status, scheduled_at)
               SELECT 'other', 'other', %(status)s::procrastinate_job_status, CASE %(status)s::text WHEN 'todo' THEN timestamptz '2100-01-01' END
               FROM generate_series(1, %(count)s) RETURNING id, status)
           INSERT INTO procrastinate_events (job_id, type, at)
           SELECT id, e.type::procrastinate_job_event_type, now() - %(days)s * interval '1 day'
           FROM made, unnest(ARRAY['deferred', CASE WHEN status <> 'todo' THEN 'started' END]) e (type) WHERE e.type IS NOT NULL""",
        {"status": status, "count": count, "days": days},
    )


def prune(bench: Bench) -> tuple[int, int]:
    """As the housekeeping does: how many rows went, in how many steps."""
    after, pruned, steps = 0, 0, 0
    while True:
        row = bench.db.execute(statement("queue_prune"), {"after": after}).fetchone()
        assert row is not None
        steps += 1
        if row["last"] is None:
            return pruned, steps
        after = row["last"]
        pruned += row["pruned"]


def test_what_is_old_goes_in_pieces_and_the_rest_is_not_looked_at(
    bench: Bench, dsn: str, postgres: Throwaway
) -> None:
    with psycopg.connect(f"{postgres.superuser_dsn} {dsn.rpartition(' ')[2]}") as superuser:
        superuser.execute("SET session_replication_role = replica")
        fill(superuser, 10, "failed", 40)
        fill(superuser, 2500, "succeeded", 9)
        fill(superuser, 20, "failed", 9)
        fill(superuser, 30, "todo", 9)
        fill(superuser, 5, "aborted", 8)
        fill(superuser, 4000, "succeeded", 2)
    bench.db.execute("ANALYZE procrastinate_jobs, procrastinate_events")
    assert prune(bench) == (2515, 4)
    kept = bench.db.execute(
        "SELECT status::text AS s, count(*) AS n FROM procrastinate_jobs GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert kept == [{"s": "failed", "n": 20}, {"s": "succeeded", "n": 4000}, {"s": "todo", "n": 30}]
    assert (
        bench.one(
            "SELECT count(*) AS n FROM procrastinate_events WHERE at < now() - interval '7 days 12 hours'"
        )["n"]
        == 70
    )
    # And once more, where nothing is left to go.
    plan = bench.db.execute(
        b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement("queue_prune").encode(),
        {"after": 0},
    ).fetchone()
    assert plan is not None
    top = plan["QUERY PLAN"][0]["Plan"]
    assert most_rows(top) <= 200, top


def most_rows(plan: dict[str, Any]) -> float:
    """The most rows that any node of a plan has read, thrown away ones too."""
    mine: float = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan[
        "Actual Loops"
    ]
    return max([mine, *(most_rows(child) for child in plan.get("Plans", []))])
