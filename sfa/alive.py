"""Tell whether a process of this very machine still runs, by its number and the time it started.

Limit: Linux; elsewhere nothing is known to be dead, and leases have to run out.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def host_key() -> str:
    """What tells this machine's process numbers from another's, or from another container's."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return socket.gethostname()


def started(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 if there is none. Tells a pid from its reuse."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = text.rsplit(")", 1)[1].split()
    return 0 if fields[0] == "Z" else int(fields[19])


def dead(workers: Iterable[Mapping[str, Any]]) -> list[int]:
    """Of rows with id, pid and pid_started, all of this machine: the ids of those whose process has ended."""
    return [int(row["id"]) for row in workers if started(row["pid"]) != row["pid_started"]]
