"""Run PgBouncer in transaction mode before a server: a client gets another backend with every transaction.

Few backends for many clients, so that whatever a session leaves behind is met by somebody else. Needs the program
(Debian: ``apt-get install pgbouncer``); where it is missing, `Pooler.missing` says so.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from sfa.postgres.cluster import ROLE

SETTINGS = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {place}/users
pool_mode = transaction
default_pool_size = 3
max_client_conn = 100
"""


class Pooler:
    """One PgBouncer on a TCP port of 127.0.0.1, from the construction to `close`.

    Options:
        place: a folder that it makes.
        server: the server's port on 127.0.0.1.
    """

    def __init__(self, place: Path, server: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        place.mkdir(mode=0o755)
        settings = place / "pgbouncer.ini"
        settings.write_text(SETTINGS.format(server=server, port=self.port, place=place))
        (place / "users").write_text(f'"{ROLE}" ""\n')
        # It refuses to run as root.
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        with (place / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [_program(), *user, str(settings)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + 20
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"pgbouncer did not start: {(place / 'log').read_text()[-300:]}")
            time.sleep(0.02)

    @staticmethod
    def missing() -> str:
        """Why there can be none on this machine; "" where there can."""
        return (
            "" if _program() else "no pgbouncer on this machine (Debian: apt-get install pgbouncer)"
        )

    def dsn(self, name: str) -> str:
        """The address of a database through it."""
        return f"host=127.0.0.1 port={self.port} user={ROLE} dbname={name}"

    def close(self) -> None:
        """End it; safe twice."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


def _program() -> str:
    return (
        shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        or ""
    )
