"""The queues at a glance, statistics by the minute, and locks that each have their turn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.queue.test_attempts import LEASE, Bench, bench

__all__ = ["bench"]


def glance(bench: Bench) -> dict[str, Any]:
    return bench.one("SELECT * FROM sfa_queues WHERE name = 'analysis'")


def complete(bench: Bench, count: int, ago: str = "0 seconds", verdict: str = "completed") -> None:
    """Attempts that ended that long ago."""
    for _ in range(count):
        bench.enqueue(priority=9)
    for row in bench.claim(count):
        assert bench.finish(
            row["job_id"], row["token"], verdict, None if verdict == "completed" else "x"
        )
    bench.db.execute(
        "UPDATE attempts SET ended_at = now() - %s::interval, started_at = now() - %s::interval - interval '2 seconds' WHERE id IN (SELECT id FROM attempts ORDER BY id DESC LIMIT %s)",
        [ago, ago, count],
    )


def test_what_waits_runs_and_is_held_back(bench: Bench) -> None:
    assert glance(bench)["oldest_wait"] is None
    first = bench.enqueue()
    bench.enqueue(scheduled_at="2100-01-01")
    bench.enqueue(after=str(bench.job(first)["id"]))
    locked = bench.enqueue()
    bench.db.execute("UPDATE procrastinate_jobs SET lock = 'deck' WHERE id = %s", [locked])
    bench.db.execute(
        "UPDATE procrastinate_events SET at = now() - interval '7 minutes' WHERE job_id = %s",
        [first],
    )
    row = glance(bench)
    assert {k: row[k] for k in ("waiting", "scheduled", "held", "running")} == {
        "waiting": 2,
        "scheduled": 1,
        "held": 1,
        "running": 0,
    }
    assert timedelta(minutes=7) <= row["oldest_wait"] < timedelta(minutes=8)
    bench.claim(1)
    row = glance(bench)
    assert (row["waiting"], row["running"], row["workers"]) == (1, 1, 1)
    assert row["oldest_wait"] < timedelta(minutes=5)
    bench.db.execute(
        "UPDATE queues SET paused = true, paused_reason = 'tea' WHERE name = 'analysis'"
    )
    assert (glance(bench)["paused"], glance(bench)["paused_why"]) == (True, "tea")


def test_why_nothing_starts_is_told_with_what_holds_it_up(bench: Bench) -> None:
    bench.db.execute("INSERT INTO resources (host, name, capacity) VALUES ('h', 'gpu', 1)")
    assert glance(bench)["obstacle"] is None
    needs = '{"gpu": 1}'
    for _ in range(3):
        bench.enqueue(needs=needs)
    assert glance(bench)["obstacle"] is None  # they may start now
    (holder,) = bench.claim()
    row = glance(bench)
    assert (row["obstacle"], row["short"], row["short_of"]) == ("resource", 2, ["gpu"])
    held = bench.one(
        "SELECT host, name, amount, capacity, kind, queue_job_id, worker FROM sfa_holdings"
    )
    assert held == {
        "host": "h", "name": "gpu", "amount": 1, "capacity": 1, "kind": "analysis",
        "queue_job_id": holder["job_id"], "worker": "w@h",
    }  # fmt: skip
    bench.finish(holder["job_id"], holder["token"], "completed")
    assert bench.db.execute("SELECT FROM sfa_holdings").fetchall() == []


def test_a_scheduled_job_waits_since_its_time(bench: Bench) -> None:
    job = bench.enqueue(scheduled_at="2100-01-01")
    bench.db.execute(
        "UPDATE procrastinate_events SET at = now() - CASE type WHEN 'deferred' THEN interval '1 day' ELSE interval '3 minutes' END WHERE job_id = %s",
        [job],
    )
    bench.db.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
    assert timedelta(minutes=3) <= glance(bench)["oldest_wait"] < timedelta(minutes=4)


def test_throughput_is_the_same_before_and_after_it_was_reckoned(bench: Bench) -> None:
    complete(bench, 2, "2 hours")
    complete(bench, 3, "30 minutes")
    complete(bench, 1, "3 minutes", "retried")
    complete(bench, 4, "5 seconds")
    before = glance(bench)
    assert (before["completed_last_minute"], before["completed_last_hour"]) == (4, 7)
    assert bench.one("SELECT sfa_statistics_v1() AS n")["n"] >= 2
    after = glance(bench)
    assert (after["completed_last_minute"], after["completed_last_hour"]) == (4, 7)
    assert bench.one("SELECT sum(completed) AS c, sum(retried) AS r FROM queue_statistics") in (
        {"c": 3, "r": 1},
        {"c": 7, "r": 1},
    )
    row = bench.one("SELECT * FROM queue_statistics ORDER BY minute LIMIT 1")
    assert (row["queue_name"], row["completed"], round(row["seconds"])) == ("analysis", 3, 6)


def test_minutes_are_reckoned_once_and_latecomers_are_added(bench: Bench) -> None:
    complete(bench, 2, "5 minutes")
    bench.db.execute("SELECT sfa_statistics_v1()")
    complete(bench, 1, "5 minutes")
    bench.db.execute("SELECT sfa_statistics_v1()")
    bench.db.execute("SELECT sfa_statistics_v1()")
    assert bench.one("SELECT sum(completed) AS n FROM queue_statistics")["n"] == 3


def test_the_first_attempt_since_a_time_is_found(bench: Bench) -> None:
    assert bench.one("SELECT sfa_attempts_since(now()) AS id")["id"] == 0
    bench.db.execute(
        "INSERT INTO attempts (job_id, token, worker, started_at, ended_at, verdict)"
        " SELECT 1, gen_random_uuid(), '', now(), now() - make_interval(mins => 1000 - n), 'completed' FROM generate_series(1, 999) n"
    )
    bench.db.execute("DELETE FROM attempts WHERE id % 7 = 0")
    for minutes in (0, 1, 500, 998, 2000):
        exact = "SELECT min(id) AS id FROM attempts WHERE ended_at >= now() - make_interval(mins => %s) - interval '30 seconds'"
        expected = bench.one(exact, minutes)["id"]
        found = bench.one(
            "SELECT sfa_attempts_since(now() - make_interval(mins => %s)) AS id", minutes
        )["id"]
        assert (
            bench.one("SELECT min(id) AS id FROM attempts WHERE id >= %s", found)["id"] == expected
        )


def test_every_lock_has_its_turn_under_constant_load(bench: Bench) -> None:
    """A long line fills the view, and early names are asked for again as soon as they are served."""
    bench.db.execute("INSERT INTO queues (name, concurrency) VALUES ('line', 50)")
    insert = "INSERT INTO procrastinate_jobs (queue_name, task_name, lock) SELECT 'line', 't', %s FROM generate_series(1, %s)"
    bench.db.execute(insert.encode(), ["hog", 400])
    names = {f"name {n:02}" for n in range(30)}
    for name in names:
        bench.db.execute(insert.encode(), [name, 1])
    claim = "SELECT job_id, token, lock FROM sfa_claim_v1(%s, 'line', %s, %s)"
    bench.one(claim, bench.worker, 1, LEASE)  # the hog runs, and on
    served: set[str] = set()
    for _ in range(20):
        for row in bench.db.execute(claim.encode(), [bench.worker, 2, LEASE]).fetchall():
            served.add(row["lock"])
            bench.finish(row["job_id"], row["token"], "completed")
            bench.db.execute(insert.encode(), [row["lock"], 1])
    assert served == names
