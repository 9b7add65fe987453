"""Put a million rows into a contestant's tables: waiting on a queue that nobody works on, for tomorrow, or finished.

A rival's are copies of one row that it made itself, written with its triggers off; SFA's are enqueued by its own
INSERT and finished by an UPDATE, triggers and all. Afterwards everybody gets a VACUUM ANALYZE.
"""

from __future__ import annotations

from typing import Any

import psycopg

from tests.bench.queueing.contestants import Contestant

STATES = ("waiting", "future", "finished")
Connection = psycopg.Connection[Any]


def fill(contestant: Contestant, db: Connection, dsn: str, state: str, count: int) -> None:
    """Make the rows; ``db`` is the superuser's connection to the contestant's database."""
    command = {"waiting": "park", "future": "defer", "finished": "bulk"}[state]
    table = contestant.finished if state == "finished" else contestant.waiting
    if not table:
        contestant.ask(dsn, "defer" if state == "future" else "park", count)
        if state == "finished":
            db.execute(
                "UPDATE procrastinate_jobs SET status = 'succeeded' WHERE queue_name = 'parked'"
            )
    else:
        contestant.ask(dsn, command, 1)
        if state == "finished":
            with contestant.working(dsn, 1, 1) as worker:
                while "last" not in worker.hear():
                    pass
                worker.end()
        _copy(db, table, count)
    db.execute("VACUUM ANALYZE")


def _copy(db: Connection, table: str, count: int) -> None:
    """So many copies of the table's latest row, each with an id of its own."""
    columns = db.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        [table],
    ).fetchall()
    names = [name for name, kind in columns if name != "id" or kind == "uuid"]
    values = ["gen_random_uuid()" if name == "id" else f't."{name}"' for name in names]
    listed = ", ".join(f'"{name}"' for name in names)
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")
        db.execute(
            f"INSERT INTO {table} ({listed}) SELECT {', '.join(values)}"
            f" FROM (SELECT * FROM {table} ORDER BY id DESC LIMIT 1) t, generate_series(1, {count})".encode()
        )
