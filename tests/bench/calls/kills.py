"""Kill -9 a child at work, its worker, supervisord: `python -m tests.bench.calls.kills ROUNDS SECONDS`.

A real installation (the checkout's supervisord.conf, its programs, an embedded PostgreSQL) in a folder of its own
separates SECONDS of music by the weight-free model. When the child has told progress, what is to be killed is, and the
last process of its family that ends gives the time: the child and what it started; the worker, its guard and its
children; everything, the database too. Printed is one JSON object: child, worker, supervisord (seconds to the last
process gone, a round each), resumed (seconds from the worker's kill until another one works on the same job).
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import soundfile
from psycopg.rows import dict_row

from sfa.config import HOME, Config
from sfa.migrations import migrate
from sfa.ports import kin
from sfa.postgres import dsn
from sfa.postgres.cluster import SHORT, Cluster
from sfa.supervisord import Supervisord

RATE = 44100
PATIENCE = 60.0
WORKER = "worker-processing"
AT_WORK = "SELECT count(*) AS n FROM sfa_jobs WHERE id = %s AND status = 'running' AND progress > 0"
ATTEMPT = "SELECT coalesce(max(number), 0) AS number FROM sfa_attempts WHERE job = %s AND ended_at IS NULL"


class Installation:
    """An installation that runs, and its database to look into."""

    def __init__(self, home: Path) -> None:
        self.supervisord = Supervisord(home)
        self.config = Config.load()
        self.home = home
        self.opened = ExitStack()
        self.db: psycopg.Connection[dict[str, Any]]

    def start(self) -> None:
        """Start supervisord; return when the database is migrated and the worker there."""
        self.opened.close()  # what the round before has left
        self.supervisord.start()
        until(Cluster.of(self.config.var, self.config.postgres_user).ready)
        migrate(dsn(self.config))
        self.db = self.opened.enter_context(
            psycopg.Connection[dict[str, Any]].connect(
                dsn(self.config), autocommit=True, row_factory=dict_row
            )
        )
        # What crashes so often would be held back, and that is not what is measured.
        self.db.execute("UPDATE queues SET breaker_crashes = NULL")
        until(lambda: self.supervisord.program(WORKER).state == "RUNNING")

    @property
    def pid(self) -> int:
        """supervisord's."""
        return int((self.home / "var" / "run" / "supervisord.pid").read_text())

    @property
    def worker(self) -> int:
        """The process number of the worker that separates."""
        return self.supervisord.program(WORKER).pid

    def one(self, query: str, *parameters: object) -> Any:
        """The first column of the first row."""
        row = self.db.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return next(iter(row.values()))

    def separate(self, seconds: int) -> str:
        """Ask for a separation; its job when the child has told progress."""
        path = Path(self.config.store_address) / "audio" / "long.wav"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(1).normal(0, 0.1, (RATE, 2)).astype(np.float32)
            soundfile.write(path, np.tile(noise, (seconds, 1)), RATE)
        track = self.one(
            "INSERT INTO tracks (title, audio_key) VALUES ('long', 'audio/long.wav') RETURNING id"
        )
        job = str(
            self.one(
                "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral') RETURNING id",
                track,
            )
        )
        until(lambda: self.one(AT_WORK, job) == 1)
        return job

    def cancel(self) -> None:
        """Cancel what is under way, and wait for its end: the next job finds a worker that has nothing to do."""
        self.db.execute("SELECT sfa_cancel(id) FROM sfa_jobs WHERE finished_at IS NULL")
        until(lambda: self.one("SELECT count(*) FROM sfa_jobs WHERE finished_at IS NULL") == 0)


def until(true: Callable[[], bool]) -> None:
    """Look again and again, a hundred times a second."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError("it did not come to it; see the installation's logs")
        time.sleep(0.01)


def gone(victim: int, family: list[int]) -> float:
    """Kill -9 the victim; seconds until the last of the family is gone."""
    handles = {os.pidfd_open(pid) for pid in family}
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    while handles:
        ended = poll.poll(1000 * PATIENCE)
        if not ended:
            raise RuntimeError(f"{len(handles)} processes are still there")
        for handle, _ in ended:
            poll.unregister(handle)
            handles.remove(handle)
            os.close(handle)
    return time.monotonic() - began


def measure(here: Installation, seconds: int) -> dict[str, float]:
    """One round; at its end nothing runs."""
    took: dict[str, float] = {}
    here.cancel()  # what the round before has left
    here.separate(seconds)
    (child,) = (pid for pid in kin.descendants(here.worker) if "demucs_runner" in _command(pid))
    took["child"] = gone(child, [child, *kin.descendants(child)])
    here.cancel()

    job, worker = here.separate(seconds), here.worker
    first = here.one(ATTEMPT, job)
    began = time.monotonic()
    took["worker"] = gone(worker, [worker, *kin.descendants(worker)])
    until(lambda: here.one(ATTEMPT, job) > first)
    took["resumed"] = time.monotonic() - began
    here.cancel()

    here.separate(seconds)
    took["supervisord"] = gone(here.pid, [here.pid, *kin.descendants(here.pid)])
    return took


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


@contextmanager
def installation() -> Iterator[Installation]:
    """A folder with the checkout's programs and a var of its own; removed with what is left in it."""
    home = Path(tempfile.mkdtemp(prefix="sfa-kills-", dir=SHORT))
    if os.geteuid() == 0:
        home.chmod(0o711)  # PostgreSQL's user has to get through
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {"SFA_VAR": str(home / "var"), "SFA_PORT": str(port)}
    os.environ.pop("DATABASE_URL", None)
    shutil.copy(HOME / "supervisord.conf", home)
    (home / "bin").symlink_to(HOME / "bin")
    here = Installation(home)
    try:
        yield here
    finally:
        here.opened.close()
        if here.supervisord.running():
            here.supervisord.shutdown()
        shutil.rmtree(home, ignore_errors=True)


def main(argv: list[str]) -> int:
    """Measure; the exit code."""
    rounds, seconds = map(int, argv)
    told: dict[str, list[float]] = {}
    with installation() as here:
        for _ in range(rounds):
            here.start()
            for name, took in measure(here, seconds).items():
                told.setdefault(name, []).append(took)
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
