"""One scenario's stage: a database, workers, the jobs that were sent, the effects, and the reckoning at the end.

Nothing here sleeps for a fixed time to let something happen: it waits for a condition (`until`), with a deadline
after which the scenario has failed. Traffic is loopback and unix sockets only.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import psycopg

from sfa.chaos.effects import Effect, Effects
from sfa.chaos.history import Attempt, Fault, Finding, History, Job
from sfa.chaos.pooler import Pooler
from sfa.chaos.proxy import Proxy
from sfa.chaos.server import JOURNAL, Row, Server
from sfa.config import HOME


class Overdue(Exception):
    """What had to happen did not happen in time."""


class Scene:
    """One scenario's stage.

    Options:
        server: the running server.
        name: the scene's database.
        seed: of the scenario's random choices.
        long: whether a scenario may take its full time (false).
        lease: seconds a lease lasts; grace, drain: likewise (SFA's settings of these names).
    """

    def __init__(
        self, server: Server, name: str, *, seed: int = 0, long: bool = False, lease: float = 3.0, grace: float = 1.0,
        drain: float = 2.0,
    ) -> None:  # fmt: skip
        self.server = server
        self.long = long
        self.lease, self.grace, self.drain = lease, grace, drain
        self.random = random.Random(seed)  # noqa: S311 - which fault comes next is no secret
        self.place = server.place / name
        self.place.mkdir()
        self.effects = Effects(self.place / "effects")
        self.workers: list[subprocess.Popen[bytes]] = []
        self.others: set[int] = set()
        """Workers that somebody else has started (supervisord, say): their children are looked for, too."""
        self.extra: list[Finding] = []
        self.struck_at = 0.0
        self.skipped = ""
        self.note = ""
        self.rows = 0
        self._name = name
        self._wanted: dict[int, Collection[str]] = {}
        self._proxy: Proxy | None = None
        self._pooler: Pooler | None = None
        self._db: psycopg.Connection[Row] | None = None

    # ---------------------------------------------------------------- the database

    @property
    def dsn(self) -> str:
        """The scene's database, past the proxy."""
        return self.server.dsn(self._name)

    @property
    def proxy(self) -> Proxy:
        """The bad network; workers that are hired after the first use go through it."""
        if self._proxy is None:
            self._proxy = Proxy(self.server.socket)
        return self._proxy

    @property
    def pooled_dsn(self) -> str:
        """The scene's database through a PgBouncer of its own, made on the first use."""
        if self._pooler is None:
            self._pooler = Pooler(self.place / "pgbouncer", self.proxy.port)
        return self._pooler.dsn(self._name)

    def connect(self, *, superuser: bool = False) -> psycopg.Connection[Row]:
        """A connection of the scenario's own."""
        return self.server.connect(self._name, superuser=superuser)

    def sql(self, query: str, *parameters: object) -> list[Row]:
        """Run a statement; again on a fresh connection where the old one was cut. No rows: an empty list."""
        deadline = time.monotonic() + 20
        while True:
            try:
                if self._db is None or self._db.closed:
                    self._db = self.connect()
                cursor = self._db.execute(query.encode(), parameters or None)
                return cursor.fetchall() if cursor.description else []
            except (psycopg.OperationalError, psycopg.InterfaceError):
                if self._db is not None:
                    self._db.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def backends(self, *applications: str) -> list[int]:
        """The server processes of the workers' connections of these names (LIKE); all of them without."""
        rows = self.sql(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
            " AND application_name <> 'chaos' AND application_name LIKE ANY (%s)",
            list(applications) or ["%"],
        )
        return [row["pid"] for row in rows]

    def terminate(self, *applications: str) -> int:
        """Cut those connections from the server's side; how many."""
        pids = self.backends(*applications)
        self.sql("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", pids)
        return len(pids)

    # ---------------------------------------------------------------- workers and children

    def environment(self, **differing: str) -> dict[str, str]:
        """What a worker of the scene is started with."""
        dsn = self.dsn
        if self._proxy is not None:
            dsn = f"host=127.0.0.1 port={self._proxy.port} user=sfa dbname={self._name}"
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("SFA_", "PG", "DATABASE_URL"))
        }
        return kept | {
            "DATABASE_URL": dsn,
            "SFA_VAR": str(self.place / "var"),
            "SFA_CHAOS_PLACE": str(self.place),
            "SFA_LEASE_SECONDS": str(self.lease),
            "SFA_GRACE_SECONDS": str(self.grace),
            "SFA_DRAIN_SECONDS": str(self.drain),
            **differing,
        }

    def hire(self, program: str = "workshop", **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker; it serves when this returns. A setting or two may differ.

        The program "guest" is Procrastinate's own worker, which signs on where nobody looks: it is not waited for.
        """
        number = len(self.workers)
        with (self.place / f"worker-{number}.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-P", "-m", f"sfa.chaos.{program}"],
                cwd=HOME, env=self.environment(**environment), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        self.workers.append(worker)
        if program == "guest":
            return worker
        self.until(
            lambda: worker.poll() is not None or self.sql("SELECT 1 FROM workers WHERE pid = %s", worker.pid) != [],
            "a worker registers", 60,
        )  # fmt: skip
        if worker.poll() is not None:
            raise Overdue(f"a worker ended at its start: {self.log(worker)[-300:]}")
        return worker

    def log(self, worker: subprocess.Popen[bytes]) -> str:
        """What a worker has said."""
        path = self.place / f"worker-{self.workers.index(worker)}.log"
        return path.read_text(errors="replace")

    def children(self, worker: subprocess.Popen[bytes]) -> list[int]:
        """A worker's children, by what their environment says of their parent."""
        mark = f"SFA_PARENT_PID={worker.pid}".encode()
        return [pid for pid, environ in _environments() if mark in environ]

    def fire(self, worker: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> int:
        """End a worker by a signal; its exit code."""
        worker.send_signal(number)
        try:
            return worker.wait(self.drain + 40)
        except subprocess.TimeoutExpired as late:
            worker.kill()
            worker.wait()
            raise Overdue(f"a worker did not end within {self.drain + 40:.0f} s") from late

    # ---------------------------------------------------------------- jobs

    def submit(
        self, count: int = 1, *, wanted: Collection[str] = ("succeeded",), priority: int = 0,
        delay: float = 0, kind: str = "chaos", needs: Mapping[str, float] | None = None, after: int | None = None,
        **plan: object,
    ) -> list[int]:  # fmt: skip
        """Send jobs with a plan (see `sfa.chaos.child`), each an INSERT into the domain table; their queue ids.

        Options: wanted: the states they may end in; delay: scheduled so many seconds from now; needs: of resources;
        after: the job that they follow.
        """
        with self.connect() as db, db.transaction():
            tracks = db.execute(
                "INSERT INTO tracks (title) SELECT %s FROM generate_series(1, %s) RETURNING id",
                [json.dumps(plan), count],
            ).fetchall()
            rows = db.execute(
                "INSERT INTO analysis_jobs (track_id, task_name, priority, scheduled_at, needs, after)"
                " SELECT id, %s, %s, now() + nullif(%s, 0) * interval '1 second', %s::jsonb,"
                " (SELECT b.id FROM analysis_jobs b WHERE b.queue_job_id = %s) FROM unnest(%s::uuid[]) id"
                " RETURNING queue_job_id AS job",
                [
                    kind,
                    priority,
                    delay,
                    needs and json.dumps(needs),
                    after,
                    [row["id"] for row in tracks],
                ],
            ).fetchall()
        jobs = [row["job"] for row in rows]
        self.expect(jobs, *wanted)
        return jobs

    def journal(self) -> None:
        """Keep a journal of leases from here on: see `sfa.chaos.server`."""
        self.sql(JOURNAL)

    def status(self, job: int) -> str:
        """What its queue row says."""
        return str(
            self.sql("SELECT status::text FROM procrastinate_jobs WHERE id = %s", job)[0]["status"]
        )

    def expect(self, jobs: list[int], *wanted: str) -> None:
        """These jobs may end so; the judge asks for it."""
        self._wanted |= dict.fromkeys(jobs, wanted)

    def forget(self, jobs: list[int]) -> None:
        """These are not judged: the scenario has deleted them."""
        for job in jobs:
            del self._wanted[job]

    def open(self, gate: str) -> None:
        """Let the jobs go on that wait at a gate."""
        (self.place / gate).touch()

    def running(self, job: int, attempt: int = 1) -> Effect:
        """The n-th start of a job, waited for."""
        self.until(
            lambda: len(self.effects.of(job, "start")) >= attempt, f"job {job} starts ({attempt})"
        )
        return self.effects.of(job, "start")[attempt - 1]

    @staticmethod
    def passes(seconds: float) -> None:
        """The one wait for time itself: where the length of a fault is the fault."""
        time.sleep(seconds)

    def more(self, count: int, seconds: float = 60) -> None:
        """Wait for so many more effects: work goes on."""
        before = len(self.effects.read())
        self.until(lambda: len(self.effects.read()) >= before + count, "work goes on", seconds)

    def struck(self) -> None:
        """The fault is over: recovery is counted from here."""
        self.struck_at = time.monotonic()

    @property
    def recovery(self) -> float | None:
        """Seconds from the end of the fault to the first job that started or ended after it."""
        if not self.struck_at:
            return None
        after = [
            effect.at - self.struck_at
            for effect in self.effects.read()
            if effect.event != "beat" and effect.at >= self.struck_at
        ]
        return min(after, default=None)

    # ---------------------------------------------------------------- waiting and reckoning

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait for a condition; `Overdue` after a while."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Overdue(f"not within {seconds:.0f} s: {what}")
            time.sleep(0.02)

    def ended(self, jobs: list[int] | None = None, seconds: float = 60) -> None:
        """Wait until jobs (all of them) have come to an end."""
        ids = list(self._wanted) if jobs is None else jobs
        self.until(lambda: self.unfinished(ids) == 0, f"{len(ids)} jobs end", seconds)

    def unfinished(self, ids: list[int]) -> int:
        """How many of them have not come to an end."""
        row = self.sql(
            "SELECT count(*) FROM procrastinate_jobs WHERE id = ANY (%s) AND status IN ('todo', 'doing')",
            ids,
        )[0]
        return int(row["count"])

    def find(self, fault: Fault, text: str) -> None:
        """Note what only the scenario can see."""
        self.extra.append(Finding(fault, text))

    def leave(self) -> None:
        """End the workers that are left, and everything that they have left."""
        for worker in self.workers:
            if worker.poll() is None:
                # One that a scenario has stopped can't be asked.
                worker.send_signal(signal.SIGCONT)
                try:
                    self.fire(worker)
                except Overdue as late:
                    self.find("orphan", str(late))

    def history(self) -> History:
        """What is known once every worker is gone; then whatever is left is killed."""
        ids = list(self._wanted)
        rows = self.sql("SELECT id, status::text FROM procrastinate_jobs WHERE id = ANY (%s)", ids)
        domain = self.sql(
            "SELECT queue_job_id AS id, status::text FROM analysis_jobs WHERE queue_job_id = ANY (%s)",
            ids,
        )
        queue_status = {row["id"]: row["status"] for row in rows}
        domain_status = {row["id"]: row["status"] for row in domain}
        attempts = self.sql(
            "SELECT job_id AS job, token::text, verdict::text, started_at AS started, ended_at AS ended"
            " FROM attempts WHERE job_id = ANY (%s) ORDER BY id",
            ids,
        )
        leases = self.sql("SELECT job_id FROM leases")
        results = self.sql("SELECT job, token::text FROM chaos_results")
        return History(
            jobs=[Job(i, queue_status.get(i), domain_status.get(i), self._wanted[i]) for i in ids],
            attempts=[Attempt(**row) for row in attempts],
            effects=self.effects.read(),
            results=[(row["job"], row["token"]) for row in results],
            leases=[row["job_id"] for row in leases],
            processes=list(self._leftovers()),
            extra=self.extra,
        )

    def _leftovers(self) -> Iterator[str]:
        """Children whose worker is gone; a killed process takes a moment to end."""
        staff = self.others | {worker.pid for worker in self.workers}
        marks = {f"SFA_PARENT_PID={pid}".encode() for pid in staff}

        def left() -> list[int]:
            return [pid for pid, environ in _environments() if not marks.isdisjoint(environ)]

        with contextlib.suppress(Overdue):
            self.until(lambda: not left(), "children end", 1 + self.grace)
        for pid in left():
            yield f"process {pid} outlived its worker"
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """Everything down; safe after any failure."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
        if self._pooler is not None:
            self._pooler.close()
        if self._proxy is not None:
            self._proxy.close()
        if self._db is not None:
            self._db.close()


def _environments() -> Iterator[tuple[int, set[bytes]]]:
    """Every process that lives (zombies have no environment) with its environment."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if environ := (entry / "environ").read_bytes():
                yield int(entry.name), set(environ.split(b"\0"))
