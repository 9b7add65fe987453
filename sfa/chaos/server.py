"""Run a PostgreSQL of chaos's own, and stop and start it as a scenario wants.

It is a `Throwaway` in a folder of its own under /tmp: never the installation's. Its statements are written in full
where they are used: chaos is a client like psql, and needs what no other part of SFA may do.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from sfa.migrations import migrate
from sfa.postgres.cluster import ROLE
from sfa.postgres.throwaway import Throwaway

Row = dict[str, Any]
TEMPLATE = "chaos_template"
# The tasks' kinds, their queues, and where a result goes: not unique by job, so that a doubled one can be seen. And two
# journals, in the order of the database: what leases held and gave back, and what breakers did.
_SETUP: LiteralString = """
INSERT INTO job_kinds (task_name, queue_name, domain_table, arguments, max_attempts, max_crashes, retry_base, crash_base, backoff_cap)
SELECT name, name, 'analysis_jobs', '{track_id,needs,after}', 2, 3, 0.5, 0.5, 1 FROM unnest('{chaos,beside}'::text[]) name;
INSERT INTO queues (name, concurrency, breaker_crashes) VALUES ('chaos', 4, NULL), ('beside', 4, NULL);
UPDATE schedules SET paused = true;
CREATE TABLE chaos_results (job bigint NOT NULL, token uuid NOT NULL, value jsonb NOT NULL, at timestamptz DEFAULT now());
CREATE TABLE chaos_leases (n bigint GENERATED ALWAYS AS IDENTITY, at timestamptz DEFAULT clock_timestamp(), job bigint, taken boolean, held jsonb);
CREATE FUNCTION chaos_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO chaos_leases (job, taken, held) VALUES (NEW.job_id, true, NEW.held);
    ELSE
        INSERT INTO chaos_leases (job, taken, held) VALUES (OLD.job_id, false, OLD.held);
    END IF;
    RETURN NULL;
END $$;
CREATE TABLE chaos_breaker (n bigint GENERATED ALWAYS AS IDENTITY, at timestamptz DEFAULT clock_timestamp(), queue text, state text);
CREATE FUNCTION chaos_breaker() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_breaker (queue, state) VALUES (NEW.name, NEW.breaker);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_breaker AFTER UPDATE ON queues FOR EACH ROW WHEN (OLD.breaker <> NEW.breaker) EXECUTE FUNCTION chaos_breaker();
"""
# Only where a scenario asks for it: it costs every lease.
JOURNAL: LiteralString = "CREATE TRIGGER chaos_lease AFTER INSERT OR DELETE ON leases FOR EACH ROW EXECUTE FUNCTION chaos_lease()"


class Server:
    """The server; `place` is its folder and that of everything else that a run writes."""

    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="sfa-chaos-", dir="/tmp"))
        if os.geteuid() == 0:
            self.place.chmod(0o711)
        self._postgres = Throwaway(self.place / "pg")
        self._numbers = count(1)

    @property
    def socket(self) -> Path:
        """Its unix socket."""
        return self._postgres.cluster.sockets / ".s.PGSQL.5432"

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self._postgres.cluster.data

    def start(self) -> None:
        """Start it; ready when this returns."""
        self._postgres.start()

    def halt(self, how: signal.Signals) -> None:
        """Stop it: SIGINT is a fast shutdown, SIGQUIT an immediate one (a crash, as far as the data go)."""
        process, self._postgres.process = self._postgres.process, None
        if process is not None:
            process.send_signal(how)
            process.wait(30)

    def ensure(self) -> None:
        """Start it if a scenario has left it stopped."""
        if self._postgres.process is None or self._postgres.process.poll() is not None:
            self._postgres.process = None
            self.start()

    def prepare(self) -> None:
        """Make the template that every scene's database is a copy of."""
        with self.connect("postgres", superuser=True) as db:
            db.execute(f"CREATE DATABASE {TEMPLATE} OWNER {ROLE}".encode())
        migrate(self.dsn(TEMPLATE))
        with self.connect(TEMPLATE) as db:
            db.execute(_SETUP)

    def dsn(self, name: str) -> str:
        """The address of a database, over the unix socket."""
        return f"host={self.socket.parent} user={ROLE} dbname={name}"

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The name of a fresh database, dropped at the end."""
        name = f"chaos_{next(self._numbers)}"
        with self.connect("postgres", superuser=True) as db:
            db.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {ROLE}".encode())
        try:
            yield name
        finally:
            with self.connect("postgres", superuser=True) as db:
                db.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def connect(self, name: str, *, superuser: bool = False) -> psycopg.Connection[Row]:
        """A connection on which each statement commits by itself."""
        dsn = self.dsn(name).replace(
            f"user={ROLE}", "user=postgres" if superuser else f"user={ROLE}"
        )
        return psycopg.connect(dsn, autocommit=True, row_factory=dict_row, application_name="chaos")

    def close(self) -> None:
        """End it and remove its folder."""
        self.halt(signal.SIGQUIT)
        shutil.rmtree(self.place, ignore_errors=True)
