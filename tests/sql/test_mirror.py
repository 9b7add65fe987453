"""A queue row's change moves its domain row the same way, whichever way the trigger takes for the statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

Connection = psycopg.Connection[dict[str, Any]]


@pytest.fixture
def db(dsn: str) -> Iterator[Connection]:
    with psycopg.Connection[dict[str, Any]].connect(
        dsn, autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


def waiting(db: Connection, kind: str = "analysis", count: int = 1) -> list[int]:
    """Jobs that wait; their queue ids."""
    rows = db.execute(
        "WITH made AS (INSERT INTO tracks (title, audio_key) SELECT 'a', 'a' FROM generate_series(1, %s) RETURNING id)"
        f" INSERT INTO {kind}_jobs (track_id) SELECT id FROM made RETURNING queue_job_id AS id",
        [count],
    ).fetchall()
    return [row["id"] for row in rows]


def set_status(db: Connection, jobs: list[int], status: str, *, alone: bool) -> None:
    """By one statement for them all; or, not alone, together with a job that goes another way."""
    others = [] if alone else waiting(db)
    db.execute(
        "UPDATE procrastinate_jobs SET status = CASE WHEN id = ANY (%s) THEN %s ELSE 'cancelled' END::procrastinate_job_status,"
        " attempts = attempts + (%s = 'succeeded')::int WHERE id = ANY (%s)",
        [jobs, status, status, jobs + others],
    )


def story(db: Connection, job: int, kind: str = "analysis") -> tuple[Any, ...]:
    """What the domain row and the events say, without times and ids."""
    row = db.execute(
        "SELECT status::text, attempt, priority, progress, stage, error, error_kind, started_at IS NOT NULL AS begun,"
        f" finished_at IS NOT NULL AS ended FROM {kind}_jobs WHERE queue_job_id = %s",
        [job],
    ).fetchone()
    events = db.execute(
        "SELECT type::text FROM procrastinate_events WHERE job_id = %s ORDER BY id", [job]
    ).fetchall()
    assert row is not None
    return *row.values(), tuple(event["type"] for event in events)


def test_the_short_way_and_the_general_one_tell_the_same_story(db: Connection) -> None:
    short, general = waiting(db, count=2), waiting(db, count=2)
    for status in ("doing", "succeeded"):
        set_status(db, short, status, alone=True)
        set_status(db, general, status, alone=False)
        assert len({story(db, job) for job in short + general}) == 1
    assert story(db, short[0]) == (
        "completed", 1, 0, 100.0, None, None, None, True, True, ("deferred", "started", "succeeded"),
    )  # fmt: skip


def test_a_statement_over_several_tables_moves_the_rows_of_each(db: Connection) -> None:
    jobs = [(job, kind) for kind in ("analysis", "processing") for job in waiting(db, kind)]
    for status in ("doing", "succeeded"):
        set_status(db, [job for job, _ in jobs], status, alone=True)
    assert {story(db, job, kind)[0] for job, kind in jobs} == {"completed"}


def test_a_kind_that_is_added_is_mirrored_from_then_on(db: Connection) -> None:
    db.execute(
        "INSERT INTO job_kinds (task_name, queue_name, domain_table, arguments, max_attempts)"
        " VALUES ('late', 'analysis', 'analysis_jobs', '{track_id}', 1)"
    )
    row = db.execute(
        "WITH made AS (INSERT INTO tracks (title) VALUES ('a') RETURNING id)"
        " INSERT INTO analysis_jobs (track_id, task_name) SELECT id, 'late' FROM made RETURNING queue_job_id AS id"
    ).fetchone()
    assert row
    set_status(db, [row["id"]], "doing", alone=True)
    assert story(db, row["id"])[0] == "running"


def test_a_lease_that_somebody_else_ends_is_told(db: Connection) -> None:
    """All rows go from doing to succeeded, as a batch of completions does; but the holder has not let go."""
    (job,) = waiting(db)
    set_status(db, [job], "doing", alone=True)
    db.execute(
        "INSERT INTO leases (job_id, token, worker_id, expires_at) VALUES (%s, gen_random_uuid(), 0, now())",
        [job],
    )
    set_status(db, [job], "succeeded", alone=True)
    assert db.execute("SELECT FROM leases").fetchall() == []
    ended = db.execute(
        "SELECT error, verdict::text FROM attempts WHERE job_id = %s", [job]
    ).fetchall()
    assert ended == [{"error": "ended from outside", "verdict": "completed"}]


def test_an_abort_of_a_running_job_is_heard_by_either_worker(db: Connection, dsn: str) -> None:
    (job,) = waiting(db)
    set_status(db, [job], "doing", alone=True)
    with psycopg.connect(dsn, autocommit=True) as ear:
        for channel in (
            "sfa_cancel",
            "procrastinate_queue_v1#analysis",
            "procrastinate_any_queue_v1",
        ):
            ear.execute(f'LISTEN "{channel}"'.encode())
        db.execute("UPDATE procrastinate_jobs SET abort_requested = true WHERE id = %s", [job])
        heard = {note.channel: note.payload for note in ear.notifies(timeout=20, stop_after=3)}
    payload = f'{{"type" : "abort_job_requested", "job_id" : {job}}}'
    assert heard == {
        "sfa_cancel": "analysis",
        "procrastinate_queue_v1#analysis": payload,
        "procrastinate_any_queue_v1": payload,
    }


DOMAIN = {"analysis": "analysis_jobs", "processing": "processing_jobs", "download": "download_jobs"}


@pytest.mark.parametrize("kind", DOMAIN)
def test_a_job_that_begins_adds_to_no_index_of_its_table(db: Connection, kind: str) -> None:
    """All of its row's indexes stay as they are: the new version lies in the old one's page (a HOT update)."""
    address = ", address" if kind == "download" else ""
    value = ", 'https://example.org/a'" if kind == "download" else ""
    db.execute(
        "WITH made AS (INSERT INTO tracks (title, audio_key) SELECT 'a', 'a' FROM generate_series(1, 200) RETURNING id)"
        f" INSERT INTO {DOMAIN[kind]} (track_id{address}) SELECT id{value} FROM made".encode()
    )
    with db.transaction():
        db.execute("UPDATE procrastinate_jobs SET status = 'doing'")
        row = db.execute(
            "SELECT n_tup_upd AS all, n_tup_hot_upd AS hot FROM pg_stat_xact_user_tables WHERE relname = %s",
            [DOMAIN[kind]],
        ).fetchone()
    assert row is not None
    assert row["all"] == 200
    # The last row of a page may find no room there.
    assert row["hot"] >= 190
    said = db.execute(
        f"SELECT DISTINCT status::text, listed_as::text FROM {DOMAIN[kind]}".encode()
    ).fetchall()
    assert said == [{"status": "running", "listed_as": "waiting"}]


def test_nobody_can_hold_a_lock_twice_and_jobs_without_one_are_in_no_index_of_locks(
    db: Connection,
) -> None:
    jobs = waiting(db, count=3)
    db.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = ANY (%s)", [jobs])
    db.execute("UPDATE procrastinate_jobs SET lock = 'deck' WHERE id = %s", [jobs[0]])
    with pytest.raises(psycopg.errors.UniqueViolation, match="procrastinate_jobs_lock_idx_v1"):
        db.execute("UPDATE procrastinate_jobs SET lock = 'deck' WHERE id = %s", [jobs[1]])
    later = waiting(db, count=2)
    db.execute("UPDATE procrastinate_jobs SET queueing_lock = 'deck' WHERE id = %s", [later[0]])
    with pytest.raises(
        psycopg.errors.UniqueViolation, match="procrastinate_jobs_queueing_lock_idx_v1"
    ):
        db.execute("UPDATE procrastinate_jobs SET queueing_lock = 'deck' WHERE id = %s", [later[1]])
