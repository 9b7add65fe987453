"""Be, for a moment or for good, the user that PostgreSQL runs as.

Decides by who we are: a normal user is itself; root is the owner of the data, else `postgres`, else
`nobody`, because PostgreSQL refuses to run as root.
Limit: a user id without a name in /etc/passwd cannot be used: peer authentication goes by names.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfa.postgres.programs import PostgresError

# Nothing of ours leaks into the server: no locale, no PG* variable, no secret.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """An operating system user."""

    name: str
    uid: int
    gid: int

    @classmethod
    def of(cls, entry: pwd.struct_passwd) -> "Account":
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @classmethod
    def current(cls) -> "Account":
        try:
            return cls.of(pwd.getpwuid(os.geteuid()))
        except KeyError:
            raise PostgresError(
                f"the user id {os.geteuid()} has no name on this machine, and PostgreSQL needs one: "
                "add it to /etc/passwd, or set DATABASE_URL"
            ) from None

    @classmethod
    def choose(cls, data: Path, wanted: str = "") -> "Account":
        """Choose for the cluster in `data`, which need not exist; `wanted` overrides when root."""
        if os.geteuid() != 0:
            return cls.current()
        if data.exists() and data.stat().st_uid != 0:
            return cls.of(pwd.getpwuid(data.stat().st_uid))
        for name in (wanted,) if wanted else CANDIDATES:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            if entry.pw_uid != 0:
                return cls.of(entry)
        raise PostgresError(
            f"PostgreSQL refuses to run as root, and there is no user {wanted or 'postgres'!r} to run "
            "it as: make one (useradd --system postgres), name one (SFA_POSTGRES_USER), or set DATABASE_URL"
        )

    @property
    def switching(self) -> bool:
        return os.geteuid() == 0

    def _spawn(self) -> dict[str, Any]:
        ids = {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switching else {}
        return {"cwd": "/", "env": ENVIRONMENT, **ids}

    def may_reach(self, path: Path) -> bool:
        """Ask the kernel, as this user, whether `path` can be read and entered (or executed)."""
        test = ["/bin/sh", "-c", 'test -r "$1" && test -x "$1"', "sh", str(path)]
        return subprocess.run(test, check=False, **self._spawn()).returncode == 0

    def run(self, what: str, command: list[str], stdin: str = "") -> None:
        """Run to the end as this user; an error carries the last lines of the output."""
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, **self._spawn()
        )
        if done.returncode != 0 or "ERROR:" in done.stderr:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
            raise PostgresError(f"{what} failed as the user {self.name}:\n{tail}")

    def make_folder(self, path: Path, mode: int = 0o700) -> None:
        """Make a folder of this user's; one that is there is checked, never changed."""
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            found = path.lstat()
            if path.is_symlink() or not path.is_dir() or found.st_uid != self.uid:
                raise PostgresError(
                    f"{path} is there already and is no folder of the user {self.name}: remove it"
                ) from None
            return
        if self.uid != os.geteuid():
            os.chown(path, self.uid, self.gid)
        path.chmod(mode)

    def become(self) -> None:
        """Give up being root, for good."""
        if self.switching:
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)
