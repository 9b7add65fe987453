"""Outlive a killed worker for as long as it takes to end everything that it had started.

    python -I -S guard.py MARK [CGROUP]

Runs in a session of its own, so that what kills the worker's group spares it. Its stdin is a pipe whose other end
only the worker holds: when that ends, the worker has ended, however that came about. Then every process whose environment
carries the worker's mark is stopped and killed, wherever it hides, until none is found; and so is every control
group of that mark. The standard library only: it starts in 15 ms and takes 9 MB.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

SECONDS = 10.0


def main(mark: str, groups: str = "") -> int:
    """Wait for the worker's end, then clear up; the exit code."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    until = time.monotonic() + SECONDS
    quiet = 0
    while quiet < 2 and time.monotonic() < until:
        kill_groups(groups, mark)
        found = victims(mark)
        # Stopped first: what forks as fast as it is killed is caught by standing still.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in found:
                with suppress(OSError):
                    os.kill(pid, number)
        quiet = 0 if found else quiet + 1
        time.sleep(0.01)
    return 0


def victims(mark: str) -> list[int]:
    """Every process of any parent that carries the mark."""
    wanted, found = f"SFA_PORT_MARK={mark}:".encode(), []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                environ = file.read()
        except OSError:
            continue
        if environ.startswith(wanted) or b"\0" + wanted in environ:
            found.append(int(name))
    return found


def kill_groups(base: str, mark: str) -> None:
    """End and remove the worker's control groups."""
    if not base:
        return
    with suppress(OSError):
        for name in os.listdir(base):
            if name.startswith(f"sfa-{mark}-"):
                with suppress(OSError), open(f"{base}/{name}/cgroup.kill", "w") as file:
                    file.write("1")
                with suppress(OSError):
                    os.rmdir(f"{base}/{name}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
