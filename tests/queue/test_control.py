"""Jobs are steered by SQL: limits over all workers, later, sooner, put off, many at a time, and never the same twice."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.queue.test_attempts import LEASE, Bench, bench

__all__ = ["bench"]


def heard(bench: Bench, dsn: str, query: str, *parameters: object) -> list[str]:
    """What the queue's bell says while the statement runs."""
    with psycopg.connect(dsn, autocommit=True) as bell:
        bell.execute("LISTEN sfa_queue")
        bench.db.execute(query.encode(), parameters)
        return [note.payload for note in bell.notifies(timeout=5, stop_after=1)]


def test_a_global_limit_holds_over_all_workers(bench: Bench) -> None:
    bench.db.execute(
        "UPDATE queues SET concurrency = 10, global_concurrency = 3 WHERE name = 'analysis'"
    )
    for _ in range(6):
        bench.enqueue()
    first = bench.claim(2)
    second = bench.claim(10, bench.register())
    assert (len(first), len(second)) == (2, 1)
    assert bench.claim() == []
    bench.finish(first[0]["job_id"], first[0]["token"], "completed")
    assert len(bench.claim()) == 1
    bench.db.execute("UPDATE queues SET global_concurrency = NULL WHERE name = 'analysis'")
    assert len(bench.claim()) == 2


def test_a_global_limit_holds_for_claims_of_the_same_instant(bench: Bench, dsn: str) -> None:
    """A second claim waits for the first one's commit, and then counts what it took."""
    bench.db.execute("UPDATE queues SET global_concurrency = 3 WHERE name = 'analysis'")
    for _ in range(6):
        bench.enqueue()
    query = "SELECT job_id FROM sfa_claim_v1(%s, 'analysis', 2, %s)"
    late: list[Any] = []
    with psycopg.Connection[dict[str, Any]].connect(dsn, row_factory=dict_row) as other:
        assert len(other.execute(query, [bench.worker, LEASE]).fetchall()) == 2
        thread = threading.Thread(target=lambda: late.extend(bench.claim(2)))
        thread.start()
        waiting = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%sfa_claim%%'"
        with psycopg.connect(dsn, autocommit=True) as watch:
            for _ in range(3000):
                if watch.execute(waiting).fetchone() == (1,):
                    break
            else:
                pytest.fail("the second claim did not wait for the first")
        other.commit()
    thread.join(30)
    assert len(late) == 1


@pytest.mark.parametrize("status", ["scheduled", "retrying"])
def test_a_job_is_rescheduled_and_starts_at_once(bench: Bench, dsn: str, status: str) -> None:
    job = bench.enqueue(scheduled_at="2100-01-01")
    if status == "retrying":
        bench.db.execute("SELECT sfa_reschedule(%s::bigint, now())", [job])
        bench.finish(job, bench.claim()[0]["token"], "retried", "no luck", 3600)
    assert bench.claim() == []
    assert heard(bench, dsn, "SELECT sfa_reschedule(%s::bigint, now())", job) == ["analysis"]
    claimed = bench.claim()
    assert [row["job_id"] for row in claimed] == [job]
    assert bench.one("SELECT sfa_reschedule(%s::bigint, now()) AS done", job)["done"] is False
    assert bench.finish(job, claimed[0]["token"], "completed")
    assert bench.one("SELECT sfa_reschedule(%s::bigint, now()) AS done", job)["done"] is False


def test_a_waiting_job_is_put_later(bench: Bench) -> None:
    job = bench.enqueue()
    bench.db.execute("SELECT sfa_reschedule(id, '2100-01-01') FROM sfa_jobs")
    assert bench.claim() == []
    row = bench.job(job)
    assert (row["status"], row["scheduled_at"].year) == ("waiting", 2100)


def test_what_is_urgent_goes_first(bench: Bench) -> None:
    first, second, third = (bench.enqueue() for _ in range(3))
    assert bench.one("SELECT sfa_prioritise(%s::bigint, 5) AS done", third)["done"] is True
    bench.db.execute("SELECT sfa_prioritise(id, -5) FROM sfa_jobs WHERE queue_job_id = %s", [first])
    assert [row["job_id"] for row in bench.claim()] == [third, second, first]
    assert bench.job(third)["priority"] == 5
    assert bench.one("SELECT sfa_prioritise(%s::bigint, 1) AS done", third)["done"] is False


@pytest.mark.parametrize("column", ["status = 'failed'", "priority = 9", "scheduled_at = now()"])
def test_what_follows_the_queue_is_not_set_by_hand(bench: Bench, column: str) -> None:
    bench.enqueue()
    with pytest.raises(
        psycopg.errors.CheckViolation, match="analysis_jobs_status_follows_queue"
    ) as caught:
        bench.db.execute(f"UPDATE analysis_jobs SET {column}".encode())
    assert "sfa_reschedule" in (caught.value.diag.message_hint or "")


@pytest.mark.parametrize("end", ["cancelled", "released", "retried", "lost", "reaped"])
def test_a_snoozed_job_uses_up_nothing_however_its_attempt_ends(bench: Bench, end: str) -> None:
    job = bench.enqueue()
    token = bench.claim()[0]["token"]
    assert bench.one("SELECT sfa_snooze(%s::bigint, '1 hour') AS done", job)["done"] is True
    assert bench.renew(job, token)[0]["cancel"] is True  # how the worker learns that it is to stop
    if end == "reaped":
        bench.expire()
        assert bench.reap() == 1
    else:
        assert bench.finish(job, token, end, "stopped")
    row = bench.job(job)
    assert row["attempt"] == 0
    assert (
        timedelta(minutes=59)
        < row["scheduled_at"] - bench.one("SELECT now() AS t")["t"]
        <= timedelta(hours=1)
    )
    assert bench.one("SELECT sfa_crashes(%s) AS n", job)["n"] == 0
    bench.db.execute("SELECT sfa_reschedule(%s::bigint, NULL)", [job])
    assert [row["attempts"] for row in bench.claim()] == [0]


def test_a_cancellation_is_stronger_than_a_snooze(bench: Bench) -> None:
    job = bench.enqueue()
    token = bench.claim()[0]["token"]
    bench.db.execute("SELECT sfa_snooze(%s::bigint, '1 hour')", [job])
    bench.db.execute("SELECT sfa_cancel(%s::bigint)", [job])
    assert bench.one("SELECT sfa_snooze(%s::bigint, '1 hour') AS done", job)["done"] is False
    bench.finish(job, token, "cancelled")
    assert bench.job(job)["status"] == "cancelled"
    assert bench.one("SELECT sfa_snooze(%s::bigint, '1 hour') AS done", job)["done"] is False


def test_a_job_that_completes_first_is_not_snoozed(bench: Bench) -> None:
    job = bench.enqueue()
    token = bench.claim()[0]["token"]
    bench.db.execute("SELECT sfa_snooze(%s::bigint, '1 hour')", [job])
    assert bench.finish(job, token, "completed")
    assert bench.job(job)["status"] == "completed"
    with pytest.raises(psycopg.errors.CheckViolation, match="sfa_snooze_positive"):
        bench.db.execute("SELECT sfa_snooze(%s::bigint, '-1 hour')", [job])


def test_many_are_cancelled_and_sent_again_in_one_statement(bench: Bench) -> None:
    jobs = [bench.enqueue() for _ in range(5)]
    running = bench.claim(1)[0]
    chosen = "SELECT sfa_{}_many(ARRAY(SELECT id FROM sfa_jobs WHERE kind = 'analysis')) AS n"
    assert bench.one(chosen.format("cancel"))["n"] == 5
    assert [bench.job(job)["status"] for job in jobs] == ["running"] + ["cancelled"] * 4
    bench.finish(running["job_id"], running["token"], "cancelled")
    assert bench.one(chosen.format("cancel"))["n"] == 0
    # Meanwhile somebody has asked for the same work as the second one's: that one is passed over.
    bench.db.execute(
        "INSERT INTO analysis_jobs (track_id) SELECT track_id FROM sfa_jobs WHERE queue_job_id = %s",
        [jobs[1]],
    )
    assert bench.one(chosen.format("retry"))["n"] == 4
    assert [bench.job(job)["status"] for job in jobs] == ["waiting", "cancelled"] + ["waiting"] * 3
    assert bench.one("SELECT sfa_cancel_many(%s::bigint[]) AS n", [*jobs, 10**9])["n"] == 4


def test_a_retry_of_what_is_active_already_says_so(bench: Bench) -> None:
    job = bench.enqueue()
    bench.db.execute("SELECT sfa_cancel(%s::bigint)", [job])
    bench.db.execute("INSERT INTO analysis_jobs (track_id) SELECT track_id FROM analysis_jobs")
    with pytest.raises(
        psycopg.errors.UniqueViolation, match="the same work is active already"
    ) as caught:
        bench.db.execute("SELECT sfa_retry(%s::bigint)", [job])
    assert caught.value.diag.constraint_name == "analysis_jobs_one_active"
    assert bench.job(job)["status"] == "cancelled"


def test_the_same_work_is_linked_and_different_work_is_not(bench: Bench) -> None:
    track = str(bench.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id")["id"])

    def enqueue(kind: str, **args: object) -> str:
        query = "SELECT sfa_enqueue(%s, %s) AS id"
        return str(bench.one(query, kind, Jsonb({"track_id": track, **args}))["id"])

    first = enqueue("processing", model="spectral")
    assert enqueue("processing", model="spectral") == first
    assert enqueue("processing", model="spectral", options={}) == first
    assert enqueue("processing", model="htdemucs") != first
    assert enqueue("processing", model="spectral", options={"format": "flac"}) != first
    assert bench.one("SELECT count(*) FROM procrastinate_jobs")["count"] == 3
    bench.db.execute("SELECT sfa_cancel(%s::uuid)", [first])
    again = enqueue("processing", model="spectral", priority=3)
    assert again != first
    assert bench.one("SELECT priority FROM sfa_jobs WHERE id = %s", again)["priority"] == 3
    imported = Jsonb({"address": "spotify:track:" + "a" * 22})
    assert bench.one(
        "SELECT sfa_enqueue('import', %s) = sfa_enqueue('import', %s) AS same", imported, imported
    )["same"]


@pytest.mark.parametrize(
    ("kind", "args", "rule"),
    [
        ("cooking", {}, "sfa_enqueue_kind_known"),
        ("processing", {"track": "x"}, "procrastinate_jobs_args_known"),
        ("processing", {"model": "nothing"}, "processing_jobs_model_fkey"),
    ],
)
def test_what_is_wrong_is_refused_there_too(
    bench: Bench, kind: str, args: dict[str, Any], rule: str
) -> None:
    track = str(bench.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id")["id"])
    if "model" in args:
        args = {"track_id": track, **args}
    with pytest.raises(psycopg.errors.IntegrityError) as caught:
        bench.db.execute("SELECT sfa_enqueue(%s, %s)", [kind, Jsonb(args)])
    assert caught.value.diag.constraint_name == rule
