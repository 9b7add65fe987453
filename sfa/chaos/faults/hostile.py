"""Rows written by hand that should not be: the tables refuse them, or they come to a clear end."""

from __future__ import annotations

import contextlib
import threading

import psycopg

from sfa.chaos.faults import fault
from sfa.chaos.scene import Scene

# Each must be refused: the rule is in the schema, not in whoever inserts.
REFUSED = (
    "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('analysis', 'chaos', '{}')",
    "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('chaos', 'chaos', 'null')",
    "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('chaos', 'chaos', '[]')",
    "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('chaos', 'chaos', '{\"nonsense\": 1}')",
    "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status) VALUES ('chaos', 'chaos', '{}', 'doing')",
    "INSERT INTO analysis_jobs (track_id, task_name) VALUES (gen_random_uuid(), 'chaos')",
    "INSERT INTO analysis_jobs (track_id, task_name) VALUES (NULL, 'chaos')",
    "INSERT INTO analysis_jobs (track_id, task_name, status) SELECT id, 'chaos', 'completed' FROM tracks LIMIT 1",
    "INSERT INTO analysis_jobs (track_id, task_name, queue_job_id) SELECT id, 'chaos', 1 FROM tracks LIMIT 1",
    "INSERT INTO analysis_jobs (track_id, task_name) SELECT id, 'no such task' FROM tracks LIMIT 1",
    "INSERT INTO analysis_jobs (track_id, task_name) SELECT id, 'chaos' FROM (SELECT id FROM tracks LIMIT 1) t, generate_series(1, 2)",
    "UPDATE analysis_jobs SET status = 'waiting'",
)


@fault
def rows_by_hand(scene: Scene) -> None:
    """Wrong queues, null arguments, 'doing' from the start, the same twice: refused, and nothing is left of them."""
    scene.hire()
    scene.submit(2)
    scene.ended()
    with scene.connect() as db:
        before = scene.sql("SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'chaos'")[0][
            "count"
        ]
        for statement in REFUSED:
            try:
                db.execute(statement.encode())
            except (psycopg.IntegrityError, psycopg.DataError, psycopg.errors.RaiseException):
                continue
            scene.find("untold", f"not refused: {statement[:120]}")
        if (
            after := scene.sql(
                "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'chaos'"
            )[0]["count"]
        ) != before:
            scene.find("untold", f"{after - before} rows are left of refused statements")
    scene.struck()
    scene.submit(2)


@fault
def transactions_rolled_back(scene: Scene) -> None:
    """Jobs inserted in transactions that are rolled back or killed do not exist."""
    scene.hire()
    for how in ("ROLLBACK", "kill"):
        db = scene.connect()
        with contextlib.suppress(psycopg.OperationalError):
            db.execute("BEGIN")
            db.execute("INSERT INTO tracks (title) VALUES ('{}')")
            db.execute(
                "INSERT INTO analysis_jobs (track_id, task_name) SELECT id, 'chaos' FROM tracks"
            )
            if how == "kill":
                db.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            db.execute("ROLLBACK")
        db.close()
    scene.struck()
    scene.submit(2)
    scene.ended()
    if (
        count := scene.sql("SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'chaos'")[0][
            "count"
        ]
    ) != 2:
        scene.find("untold", f"{count - 2} jobs of transactions that never were")


@fault
def rows_changed_under_a_running_job(scene: Scene) -> None:
    """A running job is set back to 'todo', deleted, or ended by hand: the stale attempt writes nothing."""
    scene.hire()
    back, gone, ended = scene.submit(3, gate="go")
    for job in (back, gone, ended):
        scene.running(job)
    scene.sql("UPDATE procrastinate_jobs SET status = 'todo' WHERE id = %s", back)
    scene.sql("DELETE FROM procrastinate_jobs WHERE id = %s", gone)
    scene.sql("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", ended)
    scene.forget([gone])
    scene.expect([ended], "failed")
    scene.running(back, 2)
    scene.struck()
    scene.open("go")
    scene.ended()
    if scene.sql("SELECT 1 FROM chaos_results WHERE job = %s", gone):
        scene.find("doubled", "a job whose row was deleted has written a result")


@fault
def same_job_by_many_at_once(scene: Scene) -> None:
    """Twenty clients insert the same job in the same instant: it runs once at a time."""
    scene.hire()
    track = scene.sql("INSERT INTO tracks (title) VALUES ('{\"seconds\": 0.5}') RETURNING id")[0][
        "id"
    ]
    made: list[int] = []
    start = threading.Barrier(20)

    def insert() -> None:
        with scene.connect() as db:
            start.wait()
            with contextlib.suppress(psycopg.IntegrityError):
                row = db.execute(
                    "INSERT INTO analysis_jobs (track_id, task_name) VALUES (%s, 'chaos') RETURNING queue_job_id",
                    [track],
                ).fetchone()
                if row is not None:
                    made.append(row["queue_job_id"])

    threads = [threading.Thread(target=insert) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    scene.expect(made, "succeeded")
    if len(made) != 1:
        scene.find("doubled", f"{len(made)} of twenty identical jobs were taken")
    scene.struck()
    scene.submit(2)
