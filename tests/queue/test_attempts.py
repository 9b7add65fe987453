"""An attempt begins with a lease and ends by its token: nobody else's word counts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from sfa.state import TERMINAL, TRANSITIONS, Status

LEASE = timedelta(seconds=15)


class Bench:
    """A database with a worker in it, driven one statement at a time."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        self.db = connection
        self.worker = self.register()

    def one(self, query: str, *parameters: object) -> dict[str, Any]:
        row = self.db.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return row

    def register(self, host_key: str = "here") -> int:
        worker: int = self.one("SELECT worker_id FROM procrastinate_register_worker_v1()")[
            "worker_id"
        ]
        self.db.execute(
            "INSERT INTO workers (id, name, host, host_key, pid, pid_started, queue_name) VALUES (%s, 'w', 'h', %s, 1, 1, 'analysis')",
            [worker, host_key],
        )
        return worker

    def enqueue(self, **columns: object) -> int:
        track = self.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id")["id"]
        names, marks = "".join(f", {name}" for name in columns), ", %s" * len(columns)
        insert = (
            f"INSERT INTO analysis_jobs (track_id{names}) VALUES (%s{marks}) RETURNING queue_job_id"
        )
        job: int = self.one(insert, track, *columns.values())["queue_job_id"]
        return job

    def claim(self, slots: int = 10, worker: int | None = None) -> list[dict[str, Any]]:
        return self.db.execute(
            "SELECT * FROM sfa_claim_v1(%s, 'analysis', %s, %s)",
            [worker or self.worker, slots, LEASE],
        ).fetchall()

    def finish(
        self, job: int, token: object, verdict: str, error: str | None = None, seconds: float = 0
    ) -> bool:
        held: bool = self.one(
            "SELECT held FROM sfa_finish_v1(%s, %s, %s::attempt_verdict, %s, %s::error_kind, '{}', %s)",
            job, token, verdict, error, "internal" if error else None, timedelta(seconds=seconds),
        )["held"]  # fmt: skip
        return held

    def renew(self, job: int, token: object) -> list[dict[str, Any]]:
        return self.db.execute(
            "SELECT * FROM sfa_renew_v1(%s, %s, %s)", [[job], [token], LEASE]
        ).fetchall()

    def job(self, job: int) -> dict[str, Any]:
        return self.one("SELECT * FROM sfa_jobs WHERE queue_job_id = %s", job)

    def expire(self) -> None:
        self.db.execute("UPDATE leases SET expires_at = now() - interval '1 second'")

    def reap(self) -> int:
        # A lease of no length: the server's own start time lies further back than that.
        return self.one("SELECT sfa_reap_v1(interval '0') AS lost")["lost"] or 0


@pytest.fixture
def bench(dsn: str) -> Iterator[Bench]:
    with psycopg.Connection[dict[str, Any]].connect(
        dsn, autocommit=True, row_factory=dict_row
    ) as connection:
        yield Bench(connection)


def test_a_claim_takes_what_fits_by_priority_and_each_job_once(bench: Bench) -> None:
    low, high, middle = bench.enqueue(), bench.enqueue(priority=9), bench.enqueue(priority=5)
    assert [row["job_id"] for row in bench.claim(2)] == [high, middle]
    assert [row["job_id"] for row in bench.claim(2)] == [low]
    assert bench.claim(2) == []
    assert bench.job(high)["status"] == "running"
    assert bench.job(high)["started_at"] is not None


def test_two_workers_never_get_the_same_job(bench: Bench, dsn: str) -> None:
    jobs = {bench.enqueue() for _ in range(6)}
    with psycopg.Connection[dict[str, Any]].connect(dsn, row_factory=dict_row) as other:
        mine = other.execute(
            "SELECT * FROM sfa_claim_v1(%s, 'analysis', 3, %s)", [bench.worker, LEASE]
        ).fetchall()
        theirs = bench.claim(10)  # while the first claim is not committed yet
        other.commit()
    assert {r["job_id"] for r in mine} | {r["job_id"] for r in theirs} == jobs
    assert len(mine) == len(theirs) == 3


def test_completion_needs_the_token_and_happens_once(bench: Bench) -> None:
    job = bench.enqueue()
    claimed = bench.claim()[0]
    assert bench.finish(job, uuid.uuid4(), "completed") is False
    assert bench.job(job)["status"] == "running"
    assert bench.finish(job, claimed["token"], "completed") is True
    assert bench.job(job)["status"] == "completed"
    assert bench.job(job)["progress"] == 100
    assert bench.finish(job, claimed["token"], "completed") is False


def test_a_worker_that_comes_back_from_the_dead_writes_nothing(bench: Bench) -> None:
    job = bench.enqueue()
    ghost = bench.claim()[0]
    bench.expire()
    assert bench.reap() == 1
    successor = bench.claim()[0]
    assert successor["token"] != ghost["token"]
    assert bench.finish(job, ghost["token"], "failed", "ghost") is False
    bench.db.execute(
        "SELECT sfa_progress_v1(%s, %s, %s::real[], %s)",
        [[job], [ghost["token"]], [90.0], ["ghost"]],
    )
    assert bench.job(job)["progress"] == 0
    assert bench.finish(job, successor["token"], "completed") is True
    verdicts = [
        r["verdict"] for r in bench.db.execute("SELECT verdict FROM sfa_attempts ORDER BY id")
    ]
    assert verdicts == ["lost", "completed"]


def test_a_live_lease_is_never_reaped_and_renewal_says_what_is_held(bench: Bench) -> None:
    job = bench.enqueue()
    token = bench.claim()[0]["token"]
    bench.db.execute("UPDATE leases SET acquired_at = now() - interval '9 hours'")
    assert bench.renew(job, token) == [{"job_id": job, "token": token, "cancel": False}]
    assert bench.reap() == 0
    bench.db.execute("SELECT sfa_cancel(%s::bigint)", [job])
    assert bench.renew(job, token)[0]["cancel"] is True
    assert bench.renew(job, uuid.uuid4()) == []


def test_after_a_restart_of_the_server_everybody_has_time_to_renew(bench: Bench) -> None:
    bench.enqueue()
    bench.claim()
    bench.expire()
    up = bench.one("SELECT now() - pg_postmaster_start_time() AS up")["up"]
    assert bench.one("SELECT sfa_reap_v1(%s) AS lost", up + timedelta(hours=1))["lost"] is None
    assert bench.reap() == 1


def test_a_retry_waits_and_keeps_its_reason(bench: Bench) -> None:
    job = bench.enqueue()
    bench.finish(job, bench.claim()[0]["token"], "retried", "disk full", seconds=60)
    row = bench.job(job)
    assert (row["status"], row["error"], row["attempt"]) == ("retrying", "disk full", 1)
    assert bench.claim() == []
    bench.db.execute("UPDATE procrastinate_jobs SET scheduled_at = now() - interval '1 second'")
    assert bench.one("SELECT sfa_promote_v1() AS n")["n"] == 1
    assert bench.claim()[0]["attempts"] == 1
    assert bench.job(job)["attempt"] == 2


def test_a_release_uses_up_nothing(bench: Bench) -> None:
    job = bench.enqueue()
    for _ in range(7):
        assert bench.finish(job, bench.claim()[0]["token"], "released") is True
    row = bench.job(job)
    assert (row["status"], row["attempt"], row["error"]) == ("waiting", 0, None)


def test_a_job_that_kills_its_worker_stops_after_its_crashes_and_can_be_sent_again(
    bench: Bench,
) -> None:
    job = bench.enqueue()
    limit = bench.one("SELECT max_crashes FROM job_kinds WHERE task_name = 'analysis'")[
        "max_crashes"
    ]
    for crash in range(limit):
        assert bench.job(job)["status"] == ("waiting" if crash == 0 else "retrying")
        claimed = bench.claim()[0]
        if crash % 2:  # a child that died is a crash as well
            bench.finish(job, claimed["token"], "lost", "killed by SIGKILL")
        else:
            bench.expire()
            bench.reap()
    row = bench.job(job)
    assert (row["status"], row["attempt"]) == ("failed", 0)
    assert bench.claim() == []
    assert bench.one("SELECT sfa_retry(%s::bigint) AS done", job)["done"] is True
    bench.claim()
    bench.expire()
    bench.reap()
    assert bench.job(job)["status"] == "retrying"


def test_a_cancelled_job_is_not_tried_again(bench: Bench) -> None:
    for verdict in ("retried", "released", "lost"):
        job = bench.enqueue()
        token = bench.claim()[0]["token"]
        bench.db.execute("SELECT sfa_cancel(%s::bigint)", [job])
        assert bench.job(job)["status"] == "running"
        bench.finish(job, token, verdict, "x")
        assert bench.job(job)["status"] == "cancelled"
    job = bench.enqueue()
    bench.claim()
    bench.db.execute("SELECT sfa_cancel(%s::bigint)", [job])
    bench.expire()
    bench.reap()
    assert bench.job(job)["status"] == "cancelled"


def test_the_dead_of_a_host_are_buried_at_once(bench: Bench) -> None:
    job = bench.enqueue()
    bench.claim()
    successor = bench.register()
    assert bench.one("SELECT sfa_bury_v1(%s) AS lost", [bench.worker])["lost"] == 1
    assert [row["job_id"] for row in bench.claim(worker=successor)] == [job]


def test_a_paused_queue_gives_nothing(bench: Bench) -> None:
    bench.enqueue()
    bench.db.execute("UPDATE queues SET paused = true WHERE name = 'analysis'")
    assert bench.claim() == []
    bench.db.execute("UPDATE queues SET paused = false WHERE name = 'analysis'")
    assert len(bench.claim()) == 1


def test_jobs_of_one_lock_run_one_after_the_other(bench: Bench) -> None:
    first, second = bench.enqueue(), bench.enqueue()
    bench.db.execute("UPDATE procrastinate_jobs SET lock = 'deck'")
    claimed = bench.claim()
    assert [row["job_id"] for row in claimed] == [first]
    assert bench.claim() == []
    bench.finish(first, claimed[0]["token"], "completed")
    assert [row["job_id"] for row in bench.claim()] == [second]


def test_progress_never_falls_and_many_move_in_one_statement(bench: Bench) -> None:
    jobs = [bench.enqueue() for _ in range(3)]
    tokens = [row["token"] for row in bench.claim()]
    for percents in ([10.0, 50.0, 99.0], [5.0, 60.0, 20.0]):
        bench.db.execute(
            "SELECT sfa_progress_v1(%s, %s, %s::real[], %s)",
            [jobs, tokens, percents, ["a", "b", "c"]],
        )
    assert [bench.job(job)["progress"] for job in jobs] == [10, 60, 99]


def test_a_deleted_row_stops_the_running_attempt(bench: Bench) -> None:
    job = bench.enqueue()
    token = bench.claim()[0]["token"]
    bench.db.execute("DELETE FROM tracks")
    assert bench.renew(job, token)[0]["cancel"] is True
    assert (
        bench.one("SELECT abort_requested FROM procrastinate_jobs WHERE id = %s", job)[
            "abort_requested"
        ]
        is True
    )


def test_the_state_machine_of_the_program_is_the_databases(bench: Bench) -> None:
    names = [
        row["s"]
        for row in bench.db.execute("SELECT unnest(enum_range(NULL::job_status))::text AS s")
    ]
    assert names == [status.value for status in Status]
    assert set(TRANSITIONS) == set(Status)
    for status in TERMINAL:
        assert TRANSITIONS[status] <= {Status.WAITING}


def test_a_queueing_lock_never_keeps_a_job_from_being_given_back(bench: Bench) -> None:
    """Two jobs of one queueing lock, one waiting, one running: release, loss and retry of the second all work."""
    for end in ("released", "lost", "reaped", "retried by hand"):
        bench.db.execute("DELETE FROM procrastinate_jobs")
        insert = "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) VALUES ('analysis', 'tidy', 'k') RETURNING id"
        running = bench.one(insert)["id"]
        token = bench.claim()[0]["token"]
        bench.one(insert)
        match end:
            case "reaped":
                other = bench.enqueue(priority=9)
                bench.claim(1)
                bench.expire()
                assert bench.reap() == 2, other
            case "retried by hand":
                bench.finish(running, token, "failed", "x")
                assert bench.one("SELECT sfa_retry(%s::bigint) AS done", running)["done"] is True
            case _:
                assert bench.finish(running, token, end) is True
        row = bench.one(
            "SELECT status, queueing_lock FROM procrastinate_jobs WHERE id = %s", running
        )
        assert row == {"status": "todo", "queueing_lock": None}, end


def test_procrastinates_retry_of_a_running_job_fences_it_and_blocks_nobody(bench: Bench) -> None:
    job = bench.enqueue()
    token = bench.claim()[0]["token"]
    bench.db.execute("SELECT procrastinate_retry_job_v1(%s, now(), NULL, NULL, NULL)", [job])
    bench.db.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
    assert bench.job(job)["status"] == "retrying"
    assert bench.finish(job, token, "completed") is False
    other = bench.enqueue()
    assert {row["job_id"] for row in bench.claim()} == {job, other}


def test_a_deleted_queue_row_cancels_its_job(bench: Bench) -> None:
    waiting, running = bench.enqueue(), bench.enqueue(priority=1)
    bench.claim(1)
    bench.db.execute("SELECT procrastinate_cancel_job_v1(%s, false, true)", [waiting])
    bench.db.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [running])
    rows = bench.db.execute(
        "SELECT status, finished_at IS NOT NULL AS ended FROM sfa_jobs"
    ).fetchall()
    assert rows == [{"status": "cancelled", "ended": True}] * 2


def test_a_leaving_worker_gives_everything_back(bench: Bench) -> None:
    job = bench.enqueue()
    bench.claim()
    bench.db.execute("SELECT sfa_leave_v1(%s)", [bench.worker])
    row = bench.job(job)
    assert (row["status"], row["attempt"], row["error"]) == ("waiting", 0, None)
    assert bench.one("SELECT count(*) FROM workers")["count"] == 0


def test_it_works_with_an_empty_search_path(bench: Bench) -> None:
    bench.db.execute("SET search_path = ''")
    track = bench.one("INSERT INTO public.tracks (title) VALUES ('t') RETURNING id")["id"]
    bench.db.execute(
        "INSERT INTO public.processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
    )
    bench.db.execute("SELECT public.sfa_cancel(id) FROM public.sfa_jobs")
    assert bench.one("SELECT status FROM public.sfa_jobs")["status"] == "cancelled"


def test_progress_past_the_end_is_the_end(bench: Bench) -> None:
    job = bench.enqueue()
    token = bench.claim()[0]["token"]
    bench.db.execute(
        "SELECT sfa_progress_v1(%s, %s, %s::real[], %s)", [[job], [token], [150.0], ["x"]]
    )
    assert bench.job(job)["progress"] == 100
