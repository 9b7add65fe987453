"""Who takes part in the queue bench: their programs, and what the bench must know of their tables."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from sfa.config import HOME
from tests.bench.kit.rivals import Rival, clean

SCRIPTS = Path(__file__).parent / "rivals"
PSYCOPG = "psycopg[binary,pool]==3.3.9"
PGQUEUER = Rival("queue-pgqueuer", ("pgqueuer[psycopg,asyncpg]==1.6.0", PSYCOPG))


@dataclass(frozen=True, slots=True)
class Contestant:
    """One contestant.

    ``unfinished`` is a query that says whether anything of the drained queue is left. ``waiting`` and ``finished``
    are the tables whose rows a job leaves behind in these states: a million is made by copying one, since some
    bulk paths take ten minutes for it. Without them (SFA) they are enqueued, and finished by an UPDATE.
    """

    name: str
    script: str
    unfinished: str
    rival: Rival | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    waiting: str = ""
    finished: str = ""

    def command(self, dsn: str, *command: object) -> list[str]:
        """The program with a command."""
        python = str(self.rival.install()) if self.rival else sys.executable
        return [python, str(SCRIPTS / f"{self.script}_script.py"), dsn, *map(str, command)]

    def environ(self) -> dict[str, str]:
        """Its environment: ours sees SFA, a rival does not."""
        extra = {} if self.rival else {"PYTHONPATH": str(HOME)}
        kept = {
            k: v for k, v in clean().items() if not k.startswith(("SFA_", "PG", "DATABASE_URL"))
        }
        return kept | extra | dict(self.environment) | {"PYTHONSAFEPATH": ""}

    def ask(self, dsn: str, *command: object) -> dict[str, Any]:
        """Run a command to its end; its answer."""
        done = subprocess.run(
            self.command(dsn, *command), env=self.environ(), stdout=subprocess.PIPE, text=True, check=True
        )  # fmt: skip
        answer: dict[str, Any] = {}
        for line in done.stdout.splitlines():
            answer |= json.loads(line)
        return answer

    @contextmanager
    def working(self, dsn: str, slots: int, count: int) -> Iterator[Working]:
        """A worker of its own, ended with the block."""
        with subprocess.Popen(
            self.command(dsn, "work", slots, count), env=self.environ(), stdout=subprocess.PIPE, text=True
        ) as process:  # fmt: skip
            assert process.stdout is not None
            try:
                yield Working(process, process.stdout)
            finally:
                if process.poll() is None:
                    process.kill()


@dataclass(slots=True)
class Working:
    """A worker that runs."""

    process: subprocess.Popen[str]
    lines: IO[str]
    farewell: dict[str, Any] | None = None

    def hear(self) -> dict[str, Any]:
        """The next line that it says."""
        line = self.lines.readline()
        if not line:
            raise RuntimeError("the worker ended")
        said: dict[str, Any] = json.loads(line)
        if "starts" in said:
            self.farewell = said
        return said

    def end(self) -> dict[str, Any]:
        """Tell it to stop; when each job started."""
        self.process.send_signal(signal.SIGTERM)
        while self.farewell is None:
            self.hear()
        return self.farewell


CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant(
            "sfa", "sfa",
            "SELECT EXISTS (SELECT FROM leases) OR EXISTS (SELECT FROM procrastinate_jobs"
            " WHERE status = 'todo' AND scheduled_at IS NULL AND lock IS NULL AND queue_name = 'noop')",
        ),
        Contestant(
            "procrastinate", "procrastinate",
            "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND queue_name = 'noop'"
            " AND scheduled_at IS NULL)",
            Rival("queue-procrastinate", ("procrastinate==3.10.0", PSYCOPG)),
            waiting="procrastinate_jobs", finished="procrastinate_jobs",
        ),
        *(
            Contestant(
                f"pgqueuer-{driver}", "pgqueuer",
                "SELECT EXISTS (SELECT FROM pgqueuer WHERE entrypoint = 'noop' AND execute_after <= now())",
                PGQUEUER, {"BENCH_DRIVER": driver}, waiting="pgqueuer", finished="pgqueuer_log",
            )
            for driver in ("psycopg", "asyncpg")
        ),
        Contestant(
            "chancy", "chancy",
            "SELECT EXISTS (SELECT FROM chancy_jobs WHERE state IN ('pending', 'running', 'retrying')"
            " AND queue = 'noop' AND scheduled_at <= now())",
            Rival("queue-chancy", ("chancy==0.26.0", PSYCOPG)),
            waiting="chancy_jobs", finished="chancy_jobs",
        ),
        Contestant(
            "awa", "awa",
            "SELECT EXISTS (SELECT FROM awa.jobs WHERE state::text IN ('available', 'running', 'retryable')"
            " AND queue = 'noop')",
            Rival("queue-awa", ("awa-pg==0.6.9",)),
            waiting="awa.jobs_hot", finished="awa.jobs_hot",
        ),
    )
}  # fmt: skip
