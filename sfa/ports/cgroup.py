"""Hold a child in a control group of its own, where the system lets us: nothing that it starts can leave that.

Decides once a process whether there is a version 2 hierarchy in which this process may make groups: one that was
delegated to it (by systemd, ``Delegate=yes``), or the root of a container's. Where there is none, `make` returns None
and groups, sessions and marks have to do (`sfa.ports.kin`).
Limits: version 2 and Linux 5.14 (``cgroup.kill``); memory is counted where the memory controller is switched on.
"""

from __future__ import annotations

import errno
import functools
import itertools
import os
from contextlib import suppress
from pathlib import Path

_numbers = itertools.count(1)


@functools.cache
def base() -> Path | None:
    """This process's own group, if groups may be made in it."""
    try:
        own = next(
            line.split("::", 1)[1].strip()
            for line in Path("/proc/self/cgroup").read_text().splitlines()
            if line.startswith("0::")
        )
        mount = next(
            line.split()[4]
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
            if " - cgroup2 " in line
        )
    except (OSError, StopIteration):
        return None
    group = Path(mount + own)
    if os.geteuid() == 0 and own != "/" and not _delegated(group):
        # Root may write everywhere, which is not the same as having been given it.
        return None
    return group if _works(group) else None


def _delegated(group: Path) -> bool:
    for name in ("trusted.delegate", "user.delegate"):
        with suppress(OSError):
            return os.getxattr(group, name) == b"1"
    return False


def _works(group: Path) -> bool:
    probe = group / f"sfa-probe-{os.getpid()}"
    try:
        probe.mkdir()
    except OSError:
        return False
    try:
        return (probe / "cgroup.kill").exists()
    finally:
        probe.rmdir()


class Group:
    """One child's control group."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, mark: str) -> Group | None:
        """A new group, or None where there can be none."""
        above = base()
        if above is None:
            return None
        path = above / f"sfa-{mark}-{next(_numbers)}"
        try:
            path.mkdir()
        except OSError:
            return None
        return cls(path)

    def add(self, pid: int) -> None:
        """Move a process in; what it starts from now on is in as well."""
        with suppress(OSError):
            (self.path / "cgroup.procs").write_text(str(pid))

    def members(self) -> list[int]:
        """Who is in it."""
        try:
            return [int(pid) for pid in (self.path / "cgroup.procs").read_text().split()]
        except OSError:
            return []

    def kill(self) -> None:
        """SIGKILL everything in it, at one stroke."""
        with suppress(OSError):
            (self.path / "cgroup.kill").write_text("1")

    def out_of_memory(self) -> bool | None:
        """Whether the kernel killed something in it for want of memory; None where nobody counts."""
        try:
            lines = (self.path / "memory.events").read_text().split()
        except OSError:
            return None
        return int(lines[lines.index("oom_kill") + 1]) > 0 if "oom_kill" in lines else None

    def peak(self) -> int | None:
        """Most memory that it held, in bytes."""
        try:
            return int((self.path / "memory.peak").read_text())
        except (OSError, ValueError):
            return None

    def remove(self) -> bool:
        """Remove it once it is empty; whether it is gone."""
        try:
            self.path.rmdir()
        except OSError as error:
            return error.errno == errno.ENOENT
        return True
