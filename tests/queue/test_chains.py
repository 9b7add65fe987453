"""What follows what: a job waits for another, is cancelled with it, and comes back with it."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.queue.test_attempts import LEASE, Bench, bench

__all__ = ["bench"]


def chain(bench: Bench, length: int = 3, **columns: object) -> list[int]:
    """Jobs each of which follows the one before."""
    jobs = [bench.enqueue()]
    for _ in range(length - 1):
        jobs.append(bench.enqueue(after=own(bench, jobs[-1]), **columns))
    return jobs


def own(bench: Bench, job: int) -> str:
    return str(bench.job(job)["id"])


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["job_id"] for row in rows]


def run(bench: Bench, verdict: str = "completed") -> list[int]:
    claimed = bench.claim()
    for row in claimed:
        assert bench.finish(
            row["job_id"], row["token"], verdict, None if verdict == "completed" else "no luck"
        )
    return ids(claimed)


def states(bench: Bench, jobs: list[int]) -> list[str]:
    return [bench.job(job)["status"] for job in jobs]


def test_each_starts_when_the_one_before_has_completed(bench: Bench) -> None:
    jobs = chain(bench)
    for job in jobs:
        assert run(bench) == [job]
    assert states(bench, jobs) == ["completed"] * 3
    assert run(bench) == []
    assert bench.one("SELECT count(*) AS n FROM job_links")["n"] == 0
    assert bench.one("SELECT max(scheduled_at) AS at FROM sfa_jobs")["at"] is None
    assert (
        bench.one("SELECT count(*) AS n FROM procrastinate_events WHERE at > '9000-01-01'")["n"]
        == 0
    )


def test_a_completion_wakes_what_follows(bench: Bench, dsn: str) -> None:
    chain(bench, 2)
    claimed = bench.claim()
    with psycopg.connect(dsn, autocommit=True) as bell:
        bell.execute("LISTEN sfa_queue")
        bench.db.execute(
            "SELECT sfa_ack_v1(%s, %s, ARRAY[NULL::jsonb])",
            [ids(claimed), [row["token"] for row in claimed]],
        )
        assert [note.payload for note in bell.notifies(timeout=5, stop_after=1)] == ["analysis"]


def test_kinds_follow_each_other_in_one_statement(bench: Bench) -> None:
    track = bench.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id")["id"]
    bench.db.execute(
        """WITH first AS (INSERT INTO processing_jobs (track_id, model) VALUES (%(track)s, 'spectral') RETURNING id)
           INSERT INTO analysis_jobs (track_id, after) SELECT %(track)s, id FROM first""",
        {"track": track},
    )
    assert bench.claim() == []
    row = bench.one("SELECT kind, status, after_kind, after_status FROM sfa_links")
    assert row == {
        "kind": "analysis",
        "status": "waiting",
        "after_kind": "processing",
        "after_status": "waiting",
    }
    first = bench.one(
        "SELECT job_id, token FROM sfa_claim_v1(%s, 'processing', 1, %s)", bench.worker, LEASE
    )
    bench.finish(first["job_id"], first["token"], "completed")
    assert len(bench.claim()) == 1


def test_through_the_queues_own_table(bench: Bench) -> None:
    first = bench.enqueue()
    track = str(bench.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id")["id"])
    insert = """INSERT INTO procrastinate_jobs (queue_name, task_name, args)
                VALUES ('analysis', 'analysis', jsonb_build_object('track_id', %s::text, 'after', %s::text)) RETURNING id"""
    second = bench.one(insert, track, own(bench, first))["id"]
    assert run(bench) == [first]
    assert run(bench) == [second]


@pytest.mark.parametrize("end", ["failed", "cancelled", "waiting and cancelled", "deleted", "dead"])
def test_what_does_not_complete_takes_what_follows_with_it(bench: Bench, end: str) -> None:
    jobs = chain(bench)
    other = bench.enqueue(priority=-1)
    if end == "deleted":
        bench.db.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [jobs[0]])
    elif end == "waiting and cancelled":
        bench.db.execute("SELECT sfa_cancel(%s::bigint)", [jobs[0]])
    elif end == "dead":
        bench.db.execute("UPDATE job_kinds SET max_crashes = 1")
        claimed = bench.claim(1)[0]
        bench.finish(claimed["job_id"], claimed["token"], "lost", "it died")
    else:
        claimed = bench.claim(1)[0]
        bench.finish(claimed["job_id"], claimed["token"], end, "no luck")
    assert states(bench, jobs)[1:] == ["cancelled", "cancelled"]
    assert bench.job(jobs[2])["error"] == "the job before it did not complete"
    assert run(bench) == [other]


def test_an_attempt_that_is_tried_again_keeps_what_follows_waiting(bench: Bench) -> None:
    jobs = chain(bench, 2)
    for verdict in ("retried", "lost", "released"):
        assert run(bench, verdict) == [jobs[0]]
        assert states(bench, jobs)[1] == "waiting"
    assert run(bench) == [jobs[0]]
    assert run(bench) == [jobs[1]]


def test_what_is_sent_back_brings_back_what_was_cancelled_with_it(bench: Bench) -> None:
    jobs = chain(bench, 4)
    bench.db.execute("SELECT sfa_cancel(%s::bigint)", [jobs[3]])  # this one by somebody
    run(bench, "failed")
    assert states(bench, jobs) == ["failed", "cancelled", "cancelled", "cancelled"]
    with pytest.raises(psycopg.errors.CheckViolation, match="job_links_after_alive"):
        bench.db.execute("SELECT sfa_retry(%s::bigint)", [jobs[1]])
    assert bench.one("SELECT sfa_retry(%s::bigint) AS done", jobs[0])["done"] is True
    assert states(bench, jobs) == ["waiting", "waiting", "waiting", "cancelled"]
    assert bench.job(jobs[1])["error"] is None
    assert [run(bench) for _ in jobs] == [[jobs[0]], [jobs[1]], [jobs[2]], []]


def test_of_two_that_failed_each_is_sent_back_by_itself(bench: Bench) -> None:
    first, second = bench.enqueue(), bench.enqueue()
    both = bench.enqueue(after=own(bench, first))
    last = bench.enqueue(after=own(bench, both))
    bench.db.execute("SELECT sfa_follow(%s::bigint, %s::bigint)", [both, second])
    assert run(bench, "failed") == [first, second]
    assert states(bench, [both, last]) == ["cancelled", "cancelled"]
    assert bench.one("SELECT sfa_retry(%s::bigint) AS done", first)["done"] is True
    assert states(bench, [first, both, last]) == ["waiting", "cancelled", "cancelled"]
    assert run(bench) == [first]
    assert bench.one("SELECT sfa_retry(%s::bigint) AS done", second)["done"] is True
    assert states(bench, [both, last]) == ["waiting", "waiting"]
    assert [run(bench) for _ in range(3)] == [[second], [both], [last]]


def test_a_chain_may_be_longer_than_triggers_can_nest(bench: Bench) -> None:
    jobs = chain(bench, 2)
    track = bench.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id")["id"]
    # What nobody may order by the column alone: eight hundred of them, linked at once.
    bench.db.execute(
        """WITH made AS (INSERT INTO tracks (title) SELECT 't' FROM generate_series(1, 800) RETURNING id)
           INSERT INTO analysis_jobs (track_id) SELECT id FROM made WHERE id <> %s""",
        [track],
    )
    bench.db.execute("ALTER TABLE job_links DISABLE TRIGGER sfa_link_check")
    bench.db.execute(
        """INSERT INTO job_links (job_id, after_id)
           SELECT queue_job_id, lag(queue_job_id, 1, %s) OVER (ORDER BY queue_job_id) FROM analysis_jobs WHERE queue_job_id > %s""",
        [jobs[1], jobs[1]],
    )
    bench.db.execute("ALTER TABLE job_links ENABLE TRIGGER sfa_link_check")
    count = "SELECT status, count(*) AS n FROM analysis_jobs GROUP BY 1 ORDER BY 2"
    assert run(bench, "failed") == [jobs[0]]
    assert bench.db.execute(count).fetchall() == [
        {"status": "failed", "n": 1},
        {"status": "cancelled", "n": 801},
    ]
    bench.db.execute("SELECT sfa_retry(%s::bigint)", [jobs[0]])
    assert bench.db.execute(count).fetchall() == [{"status": "waiting", "n": 802}]
    assert [run(bench) for _ in range(2)] == [[jobs[0]], [jobs[1]]]


def test_what_was_asked_for_anew_meanwhile_is_not_doubled(bench: Bench) -> None:
    jobs = chain(bench, 2)
    run(bench, "failed")
    bench.db.execute(
        "INSERT INTO analysis_jobs (track_id) SELECT track_id FROM sfa_jobs WHERE queue_job_id = %s",
        [jobs[1]],
    )
    assert bench.one("SELECT sfa_retry(%s::bigint) AS done", jobs[0])["done"] is True
    assert states(bench, jobs) == ["waiting", "cancelled"]


def test_a_held_job_is_not_started_by_other_means(bench: Bench) -> None:
    first, second = chain(bench, 2)
    bench.db.execute("SELECT sfa_reschedule(%s::bigint, now())", [second])
    bench.db.execute("SELECT sfa_retry(%s::bigint)", [second])
    bench.db.execute("SELECT sfa_prioritise(%s::bigint, 9)", [second])
    bench.db.execute("SELECT sfa_promote_v1()")
    assert (
        bench.job(second)["scheduled_at"] is None
    )  # the year in which it is held is nobody's business
    assert (
        bench.one("SELECT count(*) AS n FROM procrastinate_events WHERE at > '9000-01-01'")["n"]
        == 0
    )
    assert ids(bench.claim()) == [first]


def test_a_time_and_a_predecessor_are_both_waited_for(bench: Bench) -> None:
    first = bench.enqueue()
    second = bench.enqueue(after=own(bench, first), scheduled_at="2100-01-01")
    assert run(bench) == [first]
    assert bench.claim() == []
    assert (
        bench.one("SELECT scheduled_at FROM procrastinate_jobs WHERE id = %s", second)[
            "scheduled_at"
        ].year
        == 2100
    )
    third = bench.enqueue(after=own(bench, second))
    bench.db.execute("SELECT sfa_reschedule(%s::bigint, '2101-01-01')", [third])
    bench.db.execute("SELECT sfa_reschedule(%s::bigint, now())", [second])
    assert run(bench) == [second]
    assert (
        bench.one("SELECT scheduled_at FROM procrastinate_jobs WHERE id = %s", third)[
            "scheduled_at"
        ].year
        == 2101
    )


def test_one_that_follows_two_waits_for_both(bench: Bench) -> None:
    first, second, both = bench.enqueue(), bench.enqueue(), bench.enqueue()
    for before in (first, second):
        assert (
            bench.one("SELECT sfa_follow(%s::bigint, %s::bigint) AS done", both, before)["done"]
            is True
        )
    claimed = bench.claim()
    assert ids(claimed) == [first, second]
    bench.finish(first, claimed[0]["token"], "completed")
    assert bench.claim() == []
    bench.finish(second, claimed[1]["token"], "completed")
    assert ids(bench.claim()) == [both]


def test_two_that_end_in_the_same_instant_let_the_third_start(bench: Bench, dsn: str) -> None:
    first, second, both = bench.enqueue(), bench.enqueue(), bench.enqueue()
    for before in (first, second):
        bench.db.execute("SELECT sfa_follow(%s::bigint, %s::bigint)", [both, before])
    tokens = [row["token"] for row in bench.claim()]
    finish = "SELECT * FROM sfa_finish_v1(%s, %s, 'completed', NULL, NULL, NULL, NULL)"
    with psycopg.Connection[dict[str, Any]].connect(dsn, row_factory=dict_row) as other:
        other.execute(finish, [first, tokens[0]])
        late = threading.Thread(
            target=bench.db.execute, args=[finish.encode(), [second, tokens[1]]]
        )
        late.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%sfa_finish%%'"
        with psycopg.connect(dsn, autocommit=True) as watch:
            for _ in range(3000):
                if watch.execute(waiting).fetchone() == (1,):
                    break
            else:
                pytest.fail("the second end did not wait for the first")
        other.commit()
    late.join(30)
    assert ids(bench.claim()) == [both]


def test_what_follows_something_done_starts_at_once_and_unfollowed_too(bench: Bench) -> None:
    done = bench.enqueue()
    assert run(bench) == [done]
    assert run(bench) == []
    assert bench.enqueue(after=own(bench, done)) in run(bench)
    first, second = chain(bench, 2)
    assert bench.one("SELECT sfa_unfollow(%s::bigint) AS done", second)["done"] is True
    assert bench.one("SELECT sfa_unfollow(%s::bigint) AS done", second)["done"] is False
    assert ids(bench.claim()) == [first, second]


def test_what_makes_no_sense_is_refused(bench: Bench) -> None:
    first, second, third = chain(bench, 3)

    def refused(rule: str, query: str, *parameters: object) -> None:
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            bench.db.execute(query.encode(), parameters)
        assert caught.value.diag.constraint_name == rule

    follow = "SELECT sfa_follow(%s::bigint, %s::bigint)"
    refused("job_links_no_circle", follow, first, third)
    refused("job_links_no_circle", "INSERT INTO job_links VALUES (%s, %s)", first, first)
    refused("job_links_after_exists", "INSERT INTO job_links VALUES (%s, 999999)", first)
    track = bench.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id")["id"]
    insert = "INSERT INTO analysis_jobs (track_id, after) VALUES (%s, %s)"
    refused("job_links_after_exists", insert, track, "00000000-0000-0000-0000-000000000000")
    other = bench.enqueue()
    bench.claim()
    refused("job_links_job_waits", follow, other, second)
    bench.db.execute("SELECT sfa_cancel(%s::bigint)", [third])
    refused("job_links_after_alive", insert, track, own(bench, third))


def test_a_track_that_is_deleted_takes_its_chain_with_it(bench: Bench) -> None:
    jobs = chain(bench, 2)
    bench.db.execute(
        "DELETE FROM tracks WHERE id = (SELECT track_id FROM sfa_jobs WHERE queue_job_id = %s)",
        [jobs[0]],
    )
    assert bench.job(jobs[1])["status"] == "cancelled"
