"""Run one PostgreSQL cluster, reached by a unix socket only.

Decides where it lies by who runs it: in var/postgres, or, where root has to hand over to a user who
cannot enter var/, in /var/lib/sfa/<hash of var's path>; where data is already, it stays. Programs that
the user cannot reach are copied beside the data. Only folders made here get an owner or a mode.
Limit: peer authentication: clients run as PostgreSQL's user, as the one who started it, or as root.
Data of another major version are refused, not upgraded. If root's checkout is moved and its cluster
lies in /var/lib/sfa, it starts an empty one.

Options: durable – False gives up fsync, for tests (default True); user – PostgreSQL's user when root.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from sfa.lifetime import die_with_parent
from sfa.postgres.account import ENVIRONMENT, Account
from sfa.postgres.programs import PostgresError, copy_programs, server_programs

ROLE = DATABASE = "sfa"
FAR = Path("/var/lib/sfa")
SHORT = Path("/tmp")  # noqa: S108  (a folder there is ours, 0700, and its owner is checked)
SOCKET = ".s.PGSQL.5432"
# sockaddr_un holds 108 bytes with the closing NUL.
SOCKET_PATH_LIMIT = 107

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "cluster_name": "sfa",
    "shared_buffers": "128MB",
    "max_connections": "200",
    # A queue's tables churn: vacuum looks more often than once a minute.
    "autovacuum_naptime": "15s",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Commits still reach the kernel one by one: a killed server loses none, only a power cut would.
_THROWAWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "32MB",
}


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


@dataclass(frozen=True)
class Cluster:
    """A cluster at `place`: data/, the access rules, and the sockets in run/ where the path is short."""

    place: Path
    durable: bool = True
    user: str = ""

    @classmethod
    def of(cls, var: Path, user: str = "") -> "Cluster":
        """Find the cluster of the installation whose state lies in `var`."""
        near, far = cls(var / "postgres", user=user), cls(FAR / _digest(var), user=user)
        if os.geteuid() != 0 or near.initialised:
            return near
        if far.initialised:
            return far
        var.mkdir(parents=True, exist_ok=True)
        return near if near.account.may_reach(var) else far

    @cached_property
    def account(self) -> Account:
        return Account.choose(self.data, self.user)

    @property
    def data(self) -> Path:
        return self.place / "data"

    @property
    def initialised(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    @property
    def sockets(self) -> Path:
        """The socket's folder: in the place, else a short one where the path is too long or too odd."""
        folder = self.place / "run"
        plain = re.fullmatch(r"[\w/.@+-]+", str(folder), re.ASCII)
        if plain and len(os.fsencode(folder / SOCKET)) <= SOCKET_PATH_LIMIT:
            return folder
        return SHORT / f"sfa-{_digest(self.place)}"

    @property
    def dsn(self) -> str:
        """The libpq address; its folder has no character that would want quoting."""
        return f"host={self.sockets} user={ROLE} dbname={DATABASE}"

    def prepare(self) -> Path:
        """Make what is missing and settle what a crash left; return the folder of the programs."""
        us = Account.current()
        if self.place.parent == FAR and not FAR.exists():
            us.make_folder(FAR, 0o755)
        self.place.parent.mkdir(parents=True, exist_ok=True)
        us.make_folder(self.place, 0o700 if us == self.account else 0o755)
        if not self.account.may_reach(self.place):
            raise PostgresError(
                f"PostgreSQL runs as the user {self.account.name}, who cannot enter {self.place}: "
                "open the folders above it, or set DATABASE_URL"
            )
        bin_ = server_programs()
        if not (self.account.may_reach(bin_) and self.account.may_reach(bin_ / "postgres")):
            bin_ = copy_programs(bin_, self.place)
        self._write_access_rules(us)
        if not self.initialised:
            self._initialise(bin_)
        self._check_data(bin_)
        self.account.make_folder(self.sockets)
        self._settle()
        return bin_

    def _write_access_rules(self, us: Account) -> None:
        """Let the installation's users be `sfa` by peer authentication, and nobody else be anyone."""
        pairs = [
            (name, role)
            for name in {self.account.name, us.name, "root"}
            for role in (ROLE, "postgres")
        ]
        rules = {
            "hba.conf": "local all all peer map=sfa\n",
            "ident.conf": "".join(f'sfa "{name}" {role}\n' for name, role in sorted(pairs)),
        }
        for name, text in rules.items():
            file = self.place / name
            if not file.exists() or file.read_text() != text:
                fresh = file.with_suffix(".new")
                fresh.write_text(text)
                fresh.chmod(0o644)
                fresh.replace(file)

    def _initialise(self, bin_: Path) -> None:
        """Make the data beside their final name, so that an interrupted set-up is never taken for whole."""
        fresh = self.place / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self.account.make_folder(fresh)
        initdb = [
            str(bin_ / "initdb"),
            "-D",
            str(fresh),
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--auth=peer",
        ]
        # The built-in provider sorts and folds alike on every machine, whatever its C library.
        initdb += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self.account.run("initdb", initdb if self.durable else [*initdb, "--no-sync"])
        single = [str(bin_ / "postgres"), "--single", "-D", str(fresh), "-c", "log_checkpoints=off"]
        self.account.run(
            "making the database",
            [*single, *([] if self.durable else ["-c", "fsync=off"]), "postgres"],
            f"CREATE ROLE {ROLE} LOGIN CREATEDB\nCREATE DATABASE {DATABASE} OWNER {ROLE}\n",
        )
        fresh.rename(self.data)

    def _check_data(self, bin_: Path) -> None:
        owner = self.data.stat().st_uid
        if owner != self.account.uid:
            raise PostgresError(
                f"the database in {self.data} belongs to another user (id {owner}): "
                "run as that user or as root, or set DATABASE_URL"
            )
        theirs = (self.data / "PG_VERSION").read_text().strip()
        said = subprocess.run([bin_ / "postgres", "-V"], capture_output=True, text=True, check=True)
        ours = re.findall(r"\d+", said.stdout)[0]
        if ours != theirs:
            raise PostgresError(
                f"the database in {self.data} is of PostgreSQL {theirs}, the programs are of {ours}: "
                "dump it with the old ones and load it with the new"
            )

    def processes(self) -> Iterator[int]:
        """List this cluster's server processes: each has the data as its working folder."""
        data = str(self.data.resolve())
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if str((entry / "cwd").readlink()) == data and (
                    (entry / "comm").read_text().startswith("postgres")
                ):
                    yield int(entry.name)
            except OSError:
                continue

    def _settle(self, patience: float = 5.0) -> None:
        """Wait for what an earlier server left behind, then end it; drop a stale pid file.

        Backends of a killed postmaster hold its shared memory, and a new one refuses to start beside
        them. A pid file whose number another program has got since would be refused for ever.
        """
        if sys.platform != "linux":
            return
        pid_file = self.data / "postmaster.pid"
        main = int(pid_file.read_text().split()[0]) if pid_file.exists() else 0
        deadline = time.monotonic() + patience
        while left := set(self.processes()):
            if time.monotonic() > deadline:
                if main in left:
                    raise PostgresError(f"a server already runs on {self.data} (process {main})")
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        pid_file.unlink(missing_ok=True)

    def command(self, bin_: Path) -> list[str]:
        settings = {
            **_SETTINGS,
            **({} if self.durable else _THROWAWAY),
            "unix_socket_directories": str(self.sockets),
            "hba_file": str(self.place / "hba.conf"),
            "ident_file": str(self.place / "ident.conf"),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(bin_ / "postgres"), "-D", str(self.data), *options]

    def become(self, parent: int | None = None) -> NoReturn:
        """Prepare, then be the server: the same process, PostgreSQL's user, dead when the parent dies.

        Options: parent: its pid, where the caller has made sure of it (now's).
        """
        parent = os.getppid() if parent is None else parent
        command = self.command(self.prepare())
        os.chdir("/")
        self.account.become()
        # SIGINT is PostgreSQL's fast shutdown. After the change of user, which would clear it.
        die_with_parent(signal.SIGINT, parent)
        os.execve(command[0], command, ENVIRONMENT)  # noqa: S606  (that is the point)

    def ready(self) -> bool:
        """Whether it accepts connections now."""
        asked = [
            str(server_programs() / "pg_isready"),
            "-q",
            "-h",
            str(self.sockets),
            "-d",
            DATABASE,
        ]
        return subprocess.run(asked, check=False).returncode == 0
