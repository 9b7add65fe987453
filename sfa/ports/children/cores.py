"""Share the processor's cores among the children of this machine that separate at the moment.

Too many threads is the worst trap there is: two on two busy cores ran three to five times slower. Each separation holds
a lock on a file of its own in a common folder; whoever counts the locks knows how many there are, and a child that is
killed lets go. Asked again with every segment: a lone job has all cores, a second one takes half of them.
OMP_NUM_THREADS, where it is set, is the most that are shared. Other users' children are not counted.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def limit() -> int:
    """The most threads this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@contextmanager
def share(folder: Path | None = None) -> Iterator[Callable[[], int]]:
    """Count as one of those at work; give a function that says how many threads are ours now."""
    place = folder or Path(tempfile.gettempdir()) / f"sfa-separating-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    mine = place / str(os.getpid())
    with mine.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield lambda: max(1, limit() // _working(place, mine))
        finally:
            mine.unlink(missing_ok=True)


def _working(place: Path, mine: Path) -> int:
    count = 1
    for path in place.iterdir():
        if path == mine:
            continue
        try:
            with path.open("r") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)  # its holder is dead
        except BlockingIOError:
            count += 1
        except OSError:
            continue
    return count
