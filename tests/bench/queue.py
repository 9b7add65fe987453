"""Enqueue, drain and wake up beside Procrastinate, PgQueuer, Chancy and awa: one server, its data in memory.

    bin/bench queue [--jobs 20000] [--slots 10 50] [--only sfa procrastinate …] [--quick]
    bin/bench queue --million     the latency once more, with a million rows waiting, scheduled or finished

Ours is the whole thing: a domain row for each job, its mirrored status, a lease, all events. Each contestant has a
database of its own and its documented ways; nobody deletes history but PgQueuer, which knows no other way. Latency
is from just before the job is sent until its first line runs, so it includes the enqueuing, by a client that is warm. A drain ends when every
job's end is written, or after 20 s (then the rate is that of the starts). Cold: statistics as the bulk insert left
them; analysed: after ANALYZE. What the disk would add is left out: the server's data are in memory, without fsync.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from sfa.postgres.throwaway import Throwaway
from tests.bench.kit.measure import abba, quantile
from tests.bench.kit.report import Report, chosen, parser, say
from tests.bench.kit.rivals import Unavailable
from tests.bench.queueing.contestants import CONTESTANTS, Contestant, Working
from tests.bench.queueing.million import STATES, fill

PATIENCE = 20.0
Connection = psycopg.Connection[Any]


class Bench:
    """One run: the server, the report, the sizes."""

    def __init__(self, report: Report, server: Throwaway, jobs: int, singles: int) -> None:
        self.report, self.server = report, server
        self.jobs, self.singles = jobs, singles
        self.settle = 11.0 if jobs > 200 else 1.5
        self._numbers = count(1)
        self._templates: set[str] = set()

    @contextmanager
    def database(self, contestant: Contestant, size: int) -> Iterator[tuple[Connection, str]]:
        """A fresh database with the contestant's schema: the superuser's connection and the contestant's URL."""
        name, superuser = f"bench_{next(self._numbers)}", self.server.superuser_dsn
        with psycopg.connect(superuser, autocommit=True) as admin:
            template = f"{contestant.script}_{size}"
            if template not in self._templates:
                admin.execute(f"CREATE DATABASE {template} OWNER sfa".encode())
                contestant.ask(self._address(template), "prepare", size)
                self._templates.add(template)
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER sfa".encode())
            try:
                with psycopg.connect(f"{superuser} dbname={name}", autocommit=True) as db:
                    yield db, self._address(name)
            finally:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def _address(self, name: str) -> str:
        return f"postgresql://sfa@localhost/{name}?host={self.server.cluster.sockets}"

    def add(self, cell: str, contestant: Contestant, value: float, unit: str) -> None:
        """A figure."""
        self.report.add(cell, contestant.name, value, unit)

    def drain(self, contestant: Contestant, slots: int, *, analysed: bool) -> None:
        """Enqueue in bulk, then drain with one worker."""
        self.report.calibration.take()
        with self.database(contestant, self.jobs) as (db, dsn):
            seconds = contestant.ask(dsn, "bulk", self.jobs)["seconds"]
            self.add("enqueue in bulk", contestant, self.jobs / seconds, "jobs/s")
            if analysed:
                db.execute("ANALYZE")
            before = _written(db)
            with contestant.working(dsn, slots, self.jobs) as worker:
                rate, done = self._drained(contestant, worker, db)
                bytes_a_job = (_written(db) - before) / done
                cpu = worker.end()["cpu"]
            how = "analysed" if analysed else "cold"
            self.add(f"drain, {slots} slots, {how}", contestant, rate, "jobs/s")
            self.add(f"write-ahead log, {slots} slots", contestant, bytes_a_job, "B/job")
            self.add(
                f"worker's processor time, {slots} slots", contestant, cpu / done * 1e6, "µs/job"
            )

    def _drained(
        self, contestant: Contestant, worker: Working, db: Connection
    ) -> tuple[float, int]:
        """Wait for the end or for `PATIENCE`; the rate and how many were done."""
        first = worker.hear()["first"]
        late = threading.Timer(PATIENCE, worker.process.terminate)
        late.start()
        try:
            said = worker.hear()
        finally:
            late.cancel()
        if "last" not in said:
            times = sorted(said["starts"].values())
            self.report.note(
                f"{contestant.name}: not drained within {PATIENCE:.0f} s; the rate is that of its starts"
            )
            return len(times) / (times[-1] - times[0]), len(times)
        deadline = time.time() + PATIENCE
        while _one(db, contestant.unfinished):
            if time.time() > deadline:
                raise RuntimeError(
                    f"{contestant.name}: every job has started, but some never ended"
                )
            time.sleep(0.002)
        return self.jobs / (time.time() - first), self.jobs

    def single(self, contestant: Contestant) -> None:
        """One job a statement, one after the other."""
        self.report.calibration.take()
        with self.database(contestant, 0) as (_, dsn):
            seconds = contestant.ask(dsn, "single", self.singles)["seconds"]
            self.add("enqueue singly", contestant, self.singles / seconds, "jobs/s")

    def latency(self, contestant: Contestant, state: str = "", million: int = 0) -> None:
        """From sending a job to its first line, idle, one job every 20 ms; and what an idle worker asks."""
        self.report.calibration.take()
        with self.database(contestant, million) as (db, dsn):
            if state:
                fill(contestant, db, dsn, state, million)
            with contestant.working(dsn, 10, 0) as worker:
                contestant.ask(dsn, "paced", 50, 0.02)  # warm, and the worker is there
                sent = contestant.ask(dsn, "paced", self.singles // 2, 0.02)["sent"]
                if not state:
                    self._idle(contestant, db)
                deadline = time.monotonic() + PATIENCE
                while _one(db, contestant.unfinished) and time.monotonic() < deadline:
                    time.sleep(0.05)
                starts = worker.end()["starts"]
            # Contestants whose keys are numbers have the warm-up's under the same ones, started before they were sent.
            took = [
                (starts[key] - at) * 1000 for key, at in sent.items() if starts.get(key, 0) >= at
            ]
            if len(took) < len(sent) * 0.9:
                self.report.note(
                    f"{contestant.name}: {len(sent) - len(took)} of {len(sent)} jobs did not start ({state or 'idle'})"
                )
            for part in (0.5, 0.95, 0.99):
                cell = f"INSERT to start, {f'{million:,} {state}' if state else 'idle'}, p{part * 100:.0f}"
                if took:
                    self.add(cell, contestant, quantile(took, part), "ms")

    def _idle(self, contestant: Contestant, db: Connection) -> None:
        """Transactions a second of a worker with nothing to do."""
        query = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        seconds = 5.0
        db.execute("SELECT pg_stat_clear_snapshot()")
        # Idle backends report what they did up to ten seconds late: until then what was before would count as now.
        time.sleep(self.settle)
        before, began = _one(db, query), time.monotonic()
        time.sleep(seconds)
        after, spent = _one(db, query), time.monotonic() - began
        self.add("idle worker", contestant, max(0, after - before - 1) / spent, "queries/s")


def _one(db: Connection, query: str) -> Any:
    row = db.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def _written(db: Connection) -> int:
    return int(_one(db, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"))


def main(argv: list[str]) -> int:
    """Run the bench."""
    options_of = parser("queue", __doc__ or "", rounds=3)
    options_of.add_argument("--jobs", type=int, default=20_000, help="of a drain (default 20,000)")
    options_of.add_argument("--slots", type=int, nargs="+", default=[10, 50], metavar="N")
    options_of.add_argument("--million", action="store_true", help="latency with a million rows")
    options = options_of.parse_args(argv)
    report = Report("queue")
    small = options.quick or options.smoke
    names = ["sfa"] if options.smoke else chosen(list(CONTESTANTS), options.only)
    rounds = 1 if small or options.million else options.rounds
    jobs = 200 if options.smoke else min(options.jobs, 3000) if options.quick else options.jobs
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="sfa-bench-", dir=memory if memory.is_dir() else "/tmp"))
    place.chmod(0o711)
    server = Throwaway(place / "pg")
    try:
        bench = Bench(report, server.start(), jobs, 20 if options.smoke else 100 if small else 400)
        for number, name in enumerate(abba(names, rounds)):
            say(f"round {number // len(names) + 1}: {name}")
            try:
                if options.million:
                    _million(bench, CONTESTANTS[name], 2000 if small else 1_000_000)
                else:
                    _round(
                        bench,
                        CONTESTANTS[name],
                        options.slots[:1] if options.smoke else options.slots,
                    )
            except Unavailable as why:
                report.note(str(why))
    finally:
        server.stop()
        shutil.rmtree(place, ignore_errors=True)
    report.show(options.json)
    return 0


def _round(bench: Bench, contestant: Contestant, slots: list[int]) -> None:
    bench.single(contestant)
    for number in slots:
        for analysed in (False, True):
            bench.drain(contestant, number, analysed=analysed)
    bench.latency(contestant)


def _million(bench: Bench, contestant: Contestant, size: int) -> None:
    bench.latency(contestant)
    for state in STATES:
        say(f"{contestant.name}: {size:,} {state}")
        bench.latency(contestant, state, size)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
