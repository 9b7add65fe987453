"""Attempts and crashes are counted apart, each with its own pause; a shelf for what keeps crashing; a breaker a queue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.queue.test_attempts import Bench, bench

__all__ = ["bench"]


def end(
    bench: Bench, claimed: dict[str, Any], verdict: str, kind: str = "internal"
) -> dict[str, Any]:
    """End an attempt as the runner does: the kind says how long to wait."""
    return bench.one(
        "SELECT * FROM sfa_finish_v1(%s, %s, %s::attempt_verdict, 'it broke', %s::error_kind, '{\"signal\": \"SIGSEGV\"}', NULL)",
        claimed["job_id"], claimed["token"], verdict, kind,
    )  # fmt: skip


def again(bench: Bench) -> dict[str, Any]:
    """The job's next attempt, whenever it would be."""
    bench.db.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")
    return bench.claim(1)[0]


def pauses(bench: Bench, verdict: str, count: int, kind: str = "internal") -> list[float]:
    bench.db.execute("DELETE FROM procrastinate_jobs")
    bench.enqueue()
    claimed = bench.claim(1)[0]
    found = []
    for number in range(count):
        found.append(end(bench, claimed, verdict, kind)["retry_in"].total_seconds())
        waits = bench.one(
            "SELECT scheduled_at - now() AS t FROM procrastinate_jobs WHERE id = %s",
            claimed["job_id"],
        )["t"]
        assert timedelta(seconds=found[-1] - 5) < waits <= timedelta(seconds=found[-1])
        if number + 1 < count:
            claimed = again(bench)
    return found


def test_pauses_grow_to_a_cap_by_the_kinds_own_figures(bench: Bench) -> None:
    bench.db.execute("UPDATE job_kinds SET max_attempts = 99, max_crashes = 99, backoff_jitter = 0")
    assert pauses(bench, "retried", 8) == [5, 10, 20, 40, 80, 160, 300, 300]
    assert pauses(bench, "retried", 3, "resource") == [30, 60, 120]
    assert pauses(bench, "lost", 4) == [2, 4, 8, 16]
    bench.db.execute("UPDATE job_kinds SET retry_base = 1, backoff_factor = 10, backoff_cap = 50")
    assert pauses(bench, "retried", 3) == [1, 10, 50]
    bench.db.execute("UPDATE job_kinds SET backoff_jitter = 0.5")
    spread = [pauses(bench, "retried", 1)[0] for _ in range(30)]
    assert all(0.5 <= pause <= 1.5 for pause in spread)
    assert len(set(spread)) > 20


def test_attempts_and_crashes_use_up_budgets_of_their_own(bench: Bench) -> None:
    bench.db.execute("UPDATE job_kinds SET max_attempts = 2, max_crashes = 3")
    job = bench.enqueue()
    claimed = bench.claim()[0]
    for verdict in ("lost", "retried", "lost"):
        assert end(bench, claimed, verdict)["next_status"] == "todo"
        claimed = again(bench)
    assert bench.job(job)["attempt"] == 2  # one has ended with an error, this is the second
    assert end(bench, claimed, "retried")["next_status"] == "failed"
    assert (bench.job(job)["status"], bench.job(job)["error"]) == ("failed", "it broke")
    assert bench.one("SELECT count(*) FROM sfa_dead_letters")["count"] == 0
    verdicts = bench.db.execute("SELECT verdict FROM attempts ORDER BY id").fetchall()
    assert [row["verdict"] for row in verdicts] == ["lost", "retried", "lost", "failed"]


def test_a_task_of_no_kind_is_tried_again_as_it_asks(bench: Bench) -> None:
    bench.db.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('analysis', 'tidy')"
    )
    ended = end(bench, bench.claim()[0], "retried")
    assert (ended["next_status"], ended["retry_in"]) == ("todo", timedelta(seconds=5))


def bury(bench: Bench, count: int) -> list[int]:
    """Jobs that have used up their crashes."""
    jobs = [bench.enqueue() for _ in range(count)]
    bench.db.execute("UPDATE queues SET breaker_crashes = NULL")
    bench.db.execute("UPDATE job_kinds SET max_crashes = 2")
    for _ in range(2):
        bench.db.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")
        for claimed in bench.claim():
            end(bench, claimed, "lost")
    return jobs


def test_what_keeps_crashing_lies_on_the_shelf_with_its_certificate(bench: Bench) -> None:
    first, second, third = bury(bench, 3)
    rows = bench.db.execute("SELECT * FROM sfa_dead_letters ORDER BY queue_job_id").fetchall()
    assert [row["queue_job_id"] for row in rows] == [first, second, third]
    letter = rows[0]
    assert (letter["kind"], letter["queue"], letter["crashes"], letter["error"]) == (
        "analysis",
        "analysis",
        2,
        "it broke",
    )
    assert letter["certificate"] == {"signal": "SIGSEGV"}
    assert bench.claim() == []
    done = bench.one(
        "SELECT sfa_retry(job) AS done FROM sfa_dead_letters WHERE queue_job_id = %s", first
    )
    assert done["done"] is True
    assert [row["job_id"] for row in bench.claim()] == [first]
    bulk = "SELECT sfa_retry_many(ARRAY(SELECT queue_job_id FROM sfa_dead_letters WHERE kind = 'analysis')) AS n"
    assert bench.one(bulk)["n"] == 2
    assert bench.one("SELECT count(*) FROM sfa_dead_letters")["count"] == 0
    claimed = bench.claim()
    assert [row["job_id"] for row in claimed] == [second, third]
    # Sent back, both budgets are full again.
    assert end(bench, claimed[0], "lost")["next_status"] == "todo"


def crash(bench: Bench, times: int) -> None:
    """Crashes of one job after the other, each at a moment of its own."""
    for _ in range(times):
        claimed = bench.claim(1)
        assert claimed, "nothing can be claimed any more"
        end(bench, claimed[0], "lost")


def queue(bench: Bench, name: str = "analysis") -> dict[str, Any]:
    return bench.one("SELECT paused, paused_why, breaker FROM sfa_queues WHERE name = %s", name)


def tripped(bench: Bench) -> None:
    for _ in range(12):
        bench.enqueue()
    crash(bench, 5)
    assert queue(bench)["breaker"] == "open"


def cool(bench: Bench) -> None:
    bench.db.execute(
        "UPDATE queues SET breaker_until = now() - interval '1 second' WHERE breaker = 'open'"
    )


def test_one_dead_worker_is_one_crash_though_its_leases_end_one_by_one(bench: Bench) -> None:
    bench.db.execute("UPDATE queues SET breaker_crashes = 3")
    for _ in range(9):
        bench.enqueue()
    for number, jobs in enumerate((3, 3, 1)):
        worker = bench.register()
        for _ in range(jobs):
            bench.claim(1, worker)
            bench.expire()
            assert bench.reap() == 1
        bench.db.execute("DELETE FROM procrastinate_workers WHERE id = %s", [worker])
        assert queue(bench)["breaker"] == ("closed" if number < 2 else "open")


def test_a_kind_that_keeps_crashing_pauses_its_queue_and_no_other(bench: Bench) -> None:
    track = bench.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id")["id"]
    bench.db.execute(
        "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
    )
    for _ in range(8):
        bench.enqueue()
    crash(bench, 4)
    assert queue(bench)["paused"] is False
    crash(bench, 1)
    assert queue(bench) == {
        "paused": True,
        "paused_why": "analysis crashed 5 times in a row: it broke",
        "breaker": "open",
    }
    assert bench.claim() == []
    assert queue(bench, "processing")["breaker"] == "closed"
    other = "SELECT count(*) AS n FROM sfa_claim_v1(%s, 'processing', 5, '15 seconds')"
    assert bench.one(other, bench.worker)["n"] == 1


def test_one_job_that_crashes_alone_trips_nothing(bench: Bench) -> None:
    bench.db.execute("UPDATE job_kinds SET max_crashes = 99")
    bench.enqueue()
    for _ in range(8):
        bench.db.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
        crash(bench, 1)
    assert queue(bench)["breaker"] == "closed"


def test_what_goes_down_with_one_worker_is_one_crash(bench: Bench) -> None:
    for _ in range(10):
        bench.enqueue()
    assert len(bench.claim()) == 10
    bench.expire()
    assert bench.reap() == 10
    assert queue(bench)["breaker"] == "closed"


def test_a_completion_in_between_and_crashes_of_long_ago_do_not_count(bench: Bench) -> None:
    for _ in range(20):
        bench.enqueue()
    crash(bench, 4)
    good = bench.claim(1)[0]
    bench.finish(good["job_id"], good["token"], "completed")
    crash(bench, 4)
    assert queue(bench)["breaker"] == "closed"
    bench.db.execute("UPDATE attempts SET ended_at = ended_at - interval '11 minutes'")
    crash(bench, 1)
    assert queue(bench)["breaker"] == "closed"


def test_a_queue_may_have_no_breaker(bench: Bench) -> None:
    bench.db.execute("UPDATE queues SET breaker_crashes = NULL")
    for _ in range(9):
        bench.enqueue()
    crash(bench, 9)
    assert queue(bench)["breaker"] == "closed"
    with pytest.raises(psycopg.errors.CheckViolation, match="queues_breaker_settings"):
        bench.db.execute("UPDATE queues SET breaker_crashes = 1")


def test_after_the_pause_one_job_is_tried_and_its_success_closes_the_breaker(bench: Bench) -> None:
    tripped(bench)
    cool(bench)
    trial = bench.claim()
    assert len(trial) == 1
    assert queue(bench)["breaker"] == "half_open"
    assert bench.claim() == []
    bench.finish(trial[0]["job_id"], trial[0]["token"], "completed")
    assert len(bench.claim()) > 1
    assert queue(bench) == {"paused": False, "paused_why": None, "breaker": "closed"}


def test_a_trial_that_crashes_opens_it_again_for_twice_as_long(bench: Bench) -> None:
    tripped(bench)
    waits = []
    for _ in range(3):
        waits.append(
            bench.one(
                "SELECT extract(epoch FROM breaker_until - now()) AS s FROM queues WHERE breaker = 'open'"
            )["s"]
        )
        cool(bench)
        crash(bench, 1)
        assert bench.claim() == []
    assert [round(float(wait) / 30) for wait in waits] == [1, 2, 4]
    assert queue(bench)["paused_why"] == "analysis crashed again when it was tried: it broke"


@pytest.mark.parametrize("verdict", ["released", "cancelled"])
def test_a_trial_that_was_given_back_says_nothing(bench: Bench, verdict: str) -> None:
    tripped(bench)
    cool(bench)
    trial = bench.claim()[0]
    bench.finish(trial["job_id"], trial["token"], verdict)
    assert len(bench.claim()) == 1
    assert queue(bench)["breaker"] == "half_open"


def test_two_workers_have_one_trial_between_them(bench: Bench) -> None:
    tripped(bench)
    cool(bench)
    other = bench.register()
    assert (len(bench.claim()), len(bench.claim(worker=other))) == (1, 0)


def test_a_breaker_is_reset_by_hand(bench: Bench, dsn: str) -> None:
    tripped(bench)
    with psycopg.connect(dsn, autocommit=True) as bell:
        bell.execute("LISTEN sfa_queue")
        assert bench.one("SELECT sfa_breaker_reset('analysis') AS done")["done"] is True
        assert [note.payload for note in bell.notifies(timeout=5, stop_after=1)] == ["analysis"]
    assert bench.one("SELECT sfa_breaker_reset('analysis') AS done")["done"] is False
    assert len(bench.claim()) > 1
