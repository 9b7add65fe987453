"""Start a cluster for the length of a test run, and leave nothing of it.

Decides nothing: the real preparation in a temporary folder, without fsync, as a child process that
dies with this one.
Limit: the folder lies under /tmp, because PostgreSQL's user must reach it when root starts it.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sfa.config import HOME
from sfa.postgres.cluster import SHORT, Cluster
from sfa.postgres.programs import PostgresError


class Throwaway:
    """A cluster with `start` and `stop`, which may be called twice.

    `dsn` is its address, `superuser_dsn` its administrator's.
    """

    def __init__(self, place: Path | None = None) -> None:
        self._made = None if place else Path(tempfile.mkdtemp(prefix="sfa-pg-", dir=SHORT))
        if self._made and os.geteuid() == 0:
            self._made.chmod(0o711)
        self.cluster = Cluster(place or Path(self._made or SHORT) / "pg", durable=False)
        self.dsn = self.cluster.dsn
        self.superuser_dsn = f"host={self.cluster.sockets} user=postgres dbname=postgres"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 60.0) -> "Throwaway":
        """Start the server and return once it accepts connections."""
        code = (
            "from pathlib import Path; from sfa.postgres.cluster import Cluster; "
            f"Cluster(Path({str(self.cluster.place)!r}), durable=False).become()"
        )
        with tempfile.TemporaryFile() as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=HOME,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            deadline = time.monotonic() + timeout
            while not self.cluster.ready():
                if self.process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    tail = log.read().decode(errors="replace")[-2000:]
                    self.stop()
                    raise PostgresError(f"the throw-away server did not start:\n{tail}")
                time.sleep(0.02)
        return self

    def stop(self) -> None:
        """End the server at once and remove its folder, if it was made here."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)
