"""The dashboards of other queues on PostgreSQL, each with a database of its own on the bench's server and as many jobs as SFA's.

Their jobs are SFA's mix: one in a thousand failed, one in a thousand waits, one in ten thousand of a rare kind, the rest is done, three
seconds apart; in their own tables, as few rows as they can be (PgQueuer would log three a job). Not measured, because it can't be had
from Python's registry: riverui and Oban Web (programs in Go and Elixir).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from sfa.postgres.throwaway import Throwaway
from tests.bench.kit.measure import quantile
from tests.bench.kit.report import Report, say
from tests.bench.kit.rivals import Rival, Unavailable, clean

SCRIPTS = Path(__file__).parent / "rivals"
HTTPX = "httpx==0.28.1"
PSYCOPG = "psycopg[binary,pool]==3.3.9"
ABSENT = "not measured: riverui (a program in Go), Oban Web (Elixir)"

PGQUEUER = """
INSERT INTO pgqueuer (priority, status, entrypoint, payload, created, updated, execute_after)
SELECT 0, 'queued', CASE WHEN n % 10000 = 5 THEN 'export' ELSE 'separate' END, '{}', at, at, at
FROM (SELECT n, now() - n * interval '3 seconds' AS at FROM generate_series(1, {jobs}) n) x WHERE n % 1000 = 5;
INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint, traceback)
SELECT at, 10000000 + n, (CASE WHEN n % 1000 = 3 THEN 'exception' ELSE 'successful' END)::pgqueuer_status, 0,
    CASE WHEN n % 10000 = 9 THEN 'export' ELSE 'separate' END,
    CASE WHEN n % 1000 = 3 THEN jsonb_build_object('job_id', 10000000 + n, 'timestamp', at, 'exception_type', 'Failure',
        'exception_message', 'It fell over.', 'traceback', 'It fell over.', 'additional_context', NULL) END
FROM (SELECT n, now() - n * interval '3 seconds' AS at FROM generate_series(1, {jobs}) n) x WHERE n % 1000 <> 5;
"""
CHANCY = """
INSERT INTO chancy_queues (name, tags, executor_options) VALUES ('processing', '{.*}', '{}');
INSERT INTO chancy_jobs (id, queue, func, state, attempts, created_at, started_at, completed_at, scheduled_at, errors)
SELECT uuidv7(n * interval '-3 seconds'), 'processing', CASE WHEN n % 10000 = 9 THEN 'export' ELSE 'separate' END,
    CASE n % 1000 WHEN 3 THEN 'failed' WHEN 5 THEN 'pending' ELSE 'succeeded' END, 1, at,
    CASE WHEN n % 1000 <> 5 THEN at END, CASE WHEN n % 1000 <> 5 THEN at END, at,
    CASE WHEN n % 1000 = 3 THEN json_build_array(json_build_object('attempt', 1, 'traceback', 'It fell over.')) ELSE '[]' END
FROM (SELECT n, now() - n * interval '3 seconds' AS at FROM generate_series(1, {jobs}) n) x;
"""
PROCRASTINATE = """
INSERT INTO procrastinate_jobs (queue_name, task_name, status, attempts, scheduled_at)
SELECT 'processing', CASE WHEN n % 10000 = 9 THEN 'export' ELSE 'separate' END,
    (CASE n % 1000 WHEN 3 THEN 'failed' WHEN 5 THEN 'todo' ELSE 'succeeded' END)::procrastinate_job_status, 1,
    now() - n * interval '3 seconds'
FROM generate_series(1, {jobs}) n;
"""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One dashboard: its program under rivals/, its environment, and the statements that fill its tables."""

    name: str
    rival: Rival
    fill: str

    def run(self, *arguments: object) -> list[str]:
        """Its program's answers."""
        command = [str(self.rival.interpreter), str(SCRIPTS / f"{self.name}_web.py")]
        environ = {k: v for k, v in clean().items() if not k.startswith(("SFA_", "PG", "DATABASE"))}
        done = subprocess.run(
            [*command, *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True, env=environ
        )  # fmt: skip
        return done.stdout.splitlines()


CONTESTANTS = {contestant.name: contestant for contestant in (
    Contestant("pgqueuer", Rival("web-pgqueuer", ("pgqueuer[web,asyncpg]==1.6.0", HTTPX)), PGQUEUER),
    Contestant("chancy", Rival("web-chancy", ("chancy[web]==0.26.0", PSYCOPG, HTTPX)), CHANCY),
    Contestant(
        "procrastinate",
        Rival("web-procrastinate", ("procrastinate[django]==3.10.0", "django==5.2.19", PSYCOPG, HTTPX)),
        PROCRASTINATE,
    ),
)}  # fmt: skip


def measure(
    report: Report, server: Throwaway, names: Sequence[str], jobs: int, rounds: int
) -> None:
    """Fill and ask each of those named that can be had; a note for each that can't."""
    assert server.process is not None
    for contestant in [CONTESTANTS[name] for name in names if name in CONTESTANTS]:
        report.note(ABSENT)
        name, database = contestant.name, f"web_{contestant.name}"
        try:
            contestant.rival.install()
        except Unavailable as why:
            report.note(str(why))
            continue
        say(f"{name}: {jobs:,} jobs")
        with psycopg.connect(server.superuser_dsn, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {database} OWNER sfa".encode())
        place = (server.cluster.sockets, database)
        contestant.run("prepare", *place)
        address = server.superuser_dsn.replace("dbname=postgres", f"dbname={database}")
        with psycopg.connect(address, autocommit=True) as db:
            db.execute("SET session_replication_role = replica")
            db.execute(contestant.fill.replace("{jobs}", str(jobs)).encode())
            db.execute("VACUUM (ANALYZE)")
        report.calibration.take()
        for line in contestant.run("ask", *place, rounds, server.process.pid):
            told = json.loads(line)
            report.add(f"{told['page']}, median", name, quantile(told["spans"], 0.5), "ms")
            report.add(f"{told['page']}, 95 %", name, quantile(told["spans"], 0.95), "ms")
            report.add(f"{told['page']}, processor", name, told["processor"], "ms")
