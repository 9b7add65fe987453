"""Many tracks, one operation, in SQL; and what a user hears of it. Jobs are moved by their queue rows, as workers do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

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


def one(db: Connection, query: str, *parameters: object) -> dict[str, Any]:
    row = db.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row


def tracks(db: Connection, count: int) -> list[Any]:
    rows = db.execute(
        "INSERT INTO tracks (title, audio_key) SELECT 'Song ' || n, 'audio/' || n || '.wav' FROM generate_series(1, %s) n RETURNING id",
        [count],
    ).fetchall()
    return [row["id"] for row in rows]


def batch(db: Connection, ids: list[Any], **more: Any) -> Any:
    values = {"model": "spectral", **more, "track_ids": ids}
    columns = ", ".join(values)
    marks = ", ".join(["%s"] * len(values))
    row = one(
        db, f"INSERT INTO batch_jobs ({columns}) VALUES ({marks}) RETURNING id", *values.values()
    )
    return row["id"]


def move(db: Connection, jobs: list[Any], status: str) -> None:
    db.execute(
        "UPDATE procrastinate_jobs SET status = 'doing' WHERE id IN (SELECT queue_job_id FROM sfa_jobs WHERE id = ANY (%s)) AND status = 'todo'",
        [jobs],
    )
    db.execute(
        "UPDATE procrastinate_jobs SET status = %s WHERE id IN (SELECT queue_job_id FROM sfa_jobs WHERE id = ANY (%s))",
        [status, jobs],
    )


def members(db: Connection, which: Any) -> list[Any]:
    rows = db.execute(
        "SELECT job_id FROM sfa_batch_members WHERE batch_id = %s ORDER BY position", [which]
    ).fetchall()
    return [row["job_id"] for row in rows]


def state(db: Connection, which: Any) -> dict[str, Any]:
    return one(db, "SELECT * FROM sfa_batches WHERE id = %s", which)


def test_a_batch_has_one_progress_and_ends_in_part_and_what_failed_is_retried(
    db: Connection,
) -> None:
    which = batch(db, tracks(db, 4), title="Set")
    jobs = members(db, which)
    assert len(set(jobs)) == 4
    db.execute("UPDATE processing_jobs SET progress = 40")
    assert (state(db, which)["status"], float(state(db, which)["progress"])) == ("running", 40)
    move(db, jobs[:3], "succeeded")
    assert float(state(db, which)["progress"]) == 85
    move(db, jobs[3:], "failed")
    row = state(db, which)
    assert [row[name] for name in ("status", "total", "completed", "failed", "active")] == ["partial", 4, 3, 1, 0]  # fmt: skip
    told = db.execute("SELECT title, body, link FROM notifications").fetchall()
    assert told == [{"title": "Set: 3 of 4 done", "body": "1 failed", "link": f"/batches/{which}"}]
    assert one(db, "SELECT sfa_batch_retry(%s) AS n", which)["n"] == 1
    assert state(db, which)["status"] == "running"
    move(db, jobs[3:], "succeeded")
    assert state(db, which)["status"] == "completed"
    assert one(db, "SELECT count(*) FROM notifications")["count"] == 2
    assert one(db, "SELECT sfa_batch_retry(%s) AS n", which)["n"] == 0


def test_cancelling_a_batch_cancels_what_has_not_ended(db: Connection) -> None:
    which = batch(db, tracks(db, 3))
    move(db, members(db, which)[:1], "succeeded")
    assert one(db, "SELECT sfa_batch_cancel(%s) AS n", which)["n"] == 2
    row = state(db, which)
    assert (row["status"], row["completed"], row["cancelled"]) == ("partial", 1, 2)
    assert one(db, "SELECT sfa_batch_retry(%s) AS n", which)["n"] == 0, "nothing of it failed"
    assert state(db, which)["cancelled"] == 2
    assert one(db, "SELECT sfa_batch_retry(%s, true) AS n", which)["n"] == 2


def test_one_that_is_refused_says_why_and_harms_no_other(db: Connection) -> None:
    ids = tracks(db, 2)
    db.execute("INSERT INTO cloud_limits (minutes_per_month) VALUES (5)")
    db.execute(
        "UPDATE tracks SET duration_ms = CASE id WHEN %s THEN 60000 ELSE 600000 END", [ids[0]]
    )
    which = batch(db, ids, model="lalalai", operation="multistem", options='{"stems": ["vocals"]}')
    rows = db.execute(
        "SELECT status, error FROM sfa_batch_members WHERE batch_id = %s ORDER BY position", [which]
    ).fetchall()
    assert [row["status"] for row in rows] == ["waiting", "refused"]
    assert rows[1]["error"].startswith("this would cost 10.00 minutes")
    db.execute("UPDATE cloud_limits SET minutes_per_month = 100")
    assert one(db, "SELECT sfa_batch_retry(%s) AS n", which)["n"] == 1
    assert [row["job_id"] is None for row in db.execute("SELECT job_id FROM batch_members").fetchall()] == [False, False]  # fmt: skip


def test_work_that_is_under_way_is_linked_not_doubled(db: Connection) -> None:
    ids = tracks(db, 2)
    first, second = batch(db, ids), batch(db, ids)
    assert members(db, first) == members(db, second)
    assert one(db, "SELECT count(*) FROM processing_jobs")["count"] == 2
    move(db, members(db, first), "succeeded")
    assert state(db, first)["status"] == state(db, second)["status"] == "completed"
    assert one(db, "SELECT count(*) FROM notifications WHERE kind = 'batch'")["count"] == 2


def test_a_playlist_is_a_batch(db: Connection) -> None:
    ids = tracks(db, 3)
    db.execute("UPDATE tracks SET audio_key = NULL WHERE id = %s", [ids[2]])
    playlist = one(
        db,
        "INSERT INTO imports (address) VALUES ('spotify:playlist:0000000000000000000000') RETURNING id",
    )["id"]
    db.execute("UPDATE imports SET title = 'Summer'")
    for position, track in enumerate(ids):
        db.execute(
            "INSERT INTO import_items (import_id, position, title, track_id, status) VALUES (%s, %s, 'x', %s, 'linked')",
            [playlist, position, track],
        )
    row = one(
        db,
        "INSERT INTO batch_jobs (import_id, model, operation, options) VALUES (%s, 'lalalai', 'multistem', '{\"stems\": [\"vocals\", \"bass\"]}') RETURNING id",
        playlist,
    )
    assert (state(db, row["id"])["total"], state(db, row["id"])["title"]) == (2, "Summer")
    kinds = db.execute("SELECT DISTINCT task_name, operation::text FROM processing_jobs").fetchall()
    assert kinds == [{"task_name": "lalalai", "operation": "multistem"}]


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"track_ids": None}, "batch_jobs_tracks_given"),
        ({"operation": "dance"}, "batch_jobs_operation_known"),
        ({"operation": "analyze"}, "batch_jobs_model_given"),
        ({"model": "nothing"}, "batch_jobs_model_fkey"),
        ({"options": '{"track_id": "x"}'}, "batch_jobs_options_say_how"),
    ],
)
def test_what_is_no_batch_is_refused_by_its_rule(db: Connection, values: Any, rule: str) -> None:
    ids = values.pop("track_ids", tracks(db, 1))
    with pytest.raises(psycopg.errors.IntegrityError) as caught:
        batch(db, ids, **values)
    assert caught.value.diag.constraint_name == rule


def test_tracks_that_do_not_exist_are_no_batch_and_harm_no_other(db: Connection) -> None:
    nobody = uuid4()
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        batch(db, [nobody])
    assert caught.value.diag.constraint_name == "batch_jobs_tracks_exist"
    told: list[str | None] = []
    db.add_notice_handler(lambda notice: told.append(notice.message_primary))
    made = batch(db, [*tracks(db, 1), nobody])
    assert state(db, made)["total"] == 1
    assert told == [f"1 of track_ids are no tracks and are left out: {nobody}"]


def test_tracks_of_two_users_are_no_batch(db: Connection) -> None:
    ids = tracks(db, 2)
    db.execute("INSERT INTO users (email) VALUES ('other@example.org')")
    db.execute("UPDATE tracks SET user_id = (SELECT max(id) FROM users) WHERE id = %s", [ids[0]])
    with pytest.raises(psycopg.errors.CheckViolation, match="belong to one user"):
        batch(db, ids)


def test_of_two_last_members_that_end_together_one_tells_of_the_end(
    db: Connection, dsn: str
) -> None:
    which = batch(db, tracks(db, 2))
    first, second = members(db, which)
    move(db, [], "succeeded")
    db.execute("UPDATE procrastinate_jobs SET status = 'doing'")
    with psycopg.connect(dsn) as early:
        early.execute(
            "UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = (SELECT queue_job_id FROM processing_jobs WHERE id = %s)",
            [first],
        )
        late = threading.Thread(target=move, args=(db, [second], "succeeded"))
        late.start()
        with psycopg.connect(dsn, autocommit=True) as watcher:
            # Until the second one stands in line for the batch's row.
            while not watcher.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone():
                pass
        early.commit()
        late.join()
    assert one(db, "SELECT title FROM notifications")["title"] == "A batch is over: 2 of 2 done"


def test_a_user_hears_once_of_an_event_and_marks_it_read(db: Connection) -> None:
    (track,) = tracks(db, 1)
    job = one(
        db,
        "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral') RETURNING id",
        track,
    )["id"]
    move(db, [job], "failed")
    one(db, "SELECT sfa_retry(%s)", job)
    move(db, [job], "succeeded")
    rows = db.execute(
        "SELECT kind, title, body, link, user_id FROM notifications ORDER BY id"
    ).fetchall()
    assert [row["kind"] for row in rows] == ["failed", "ready"]
    assert rows[0]["title"] == "The separation of “Song 1” failed"
    assert rows[0]["link"] == f"/jobs/{job}"
    assert one(db, "SELECT sfa_tell(%s, 'ready:' || %s::text, 'ready', 'x', '', '/') AS new", rows[0]["user_id"], str(job))["new"] is False  # fmt: skip
    assert one(db, "SELECT sfa_read(%s) AS n", rows[0]["user_id"])["n"] == 2
    assert one(db, "SELECT count(*) FROM notifications WHERE read_at IS NULL")["count"] == 0
    db.execute("DELETE FROM tracks")
    assert one(db, "SELECT count(*) FROM notifications")["count"] == 0
