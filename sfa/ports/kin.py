"""Find and end what a child has left behind: processes that escaped its group or its session.

Everything a child starts inherits a mark in its environment (``SFA_PORT_MARK``: this worker's mark and the child's number).
A worker that calls `own` becomes the subreaper of all of it: whatever loses its parent becomes the worker's own
child and is found there, however often it forked and whatever session it made. `sweep` ends what carries one child's
mark; `strangers` reaps, and ends, what carries none. When the worker itself is killed, or does not keep its `promise` to be
heard of again, its guard does the same from outside (`sfa.ports.guard`).

Limits: Linux only, elsewhere it finds nothing. A process that escapes its group and clears its environment is
found by a worker that owns its kin, not by one in a test.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from sfa.ports import cgroup

NAME: Final = "SFA_PORT_MARK"
MARK: Final = uuid.uuid4().hex
"""This process's own mark: the first part of every child's."""

_PR_SET_CHILD_SUBREAPER: Final = 36
_doomed: set[int] = set()
_guard: subprocess.Popen[bytes] | None = None
_owner = False


def own() -> None:
    """Become the subreaper of what the children start, and have a guard end it should this process be killed.

    For a process that is a worker and nothing else: every child that it did not start through
    `sfa.ports.process` is taken for an escaped one.
    """
    global _owner
    if sys.platform == "linux":
        adopt()
        _owner = True
        watch_guard()


def adopt(yes: bool = True) -> None:
    """Become (or be no longer) the one to whom processes fall that lose their parent below us."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def watch_guard() -> None:
    """Start the guard, or another one if somebody ended it."""
    global _guard
    if not _owner or (_guard is not None and _guard.poll() is None):
        return
    script = Path(__file__).with_name("guard.py")
    base = cgroup.base()
    _guard = subprocess.Popen(
        [sys.executable, "-I", "-S", str(script), MARK, str(base or "")],
        stdin=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def promise(seconds: float) -> None:
    """Tell the guard that it hears of this worker again within so long; if it does not, it kills the children.

    From any thread. Without a guard it does nothing.
    """
    if _guard is not None and _guard.stdin is not None:
        with suppress(OSError, ValueError):
            os.write(_guard.stdin.fileno(), f"{max(0.0, seconds):.3f}\n".encode())


def dismiss_guard() -> None:
    """The worker ends in good order: its guard looks round once more and goes."""
    global _owner
    _owner = False
    if _guard is not None and _guard.stdin is not None:
        _guard.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            _guard.wait(5)


def children(pid: int) -> Iterator[int]:
    """The direct children of a process, zombies too."""
    for task in _listed(f"/proc/{pid}/task"):
        with suppress(OSError):
            text = Path(f"/proc/{pid}/task/{task}/children").read_text()
            yield from map(int, text.split())


def descendants(pid: int) -> Iterator[int]:
    """The children of a process, and theirs."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def _listed(path: str) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208 - names are wanted, fast
    except OSError:
        return []


def marked(pid: int, mark: str) -> bool:
    """Whether a living process carries the mark."""
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{NAME}={mark}\0".encode() in environ + b"\0"


def kill_marked(mark: str, leader: int = 0) -> list[int]:
    """SIGKILL what carries the mark, its leader excepted; from any thread."""
    found = [pid for pid in descendants(os.getpid()) if pid != leader and marked(pid, mark)]
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _doomed.update(found)
    return found


async def sweep(mark: str, seconds: float = 2.0) -> set[int]:
    """End what a dead child has left; which processes that were."""
    left: set[int] = set()
    until = time.monotonic() + seconds
    while found := kill_marked(mark):
        left.update(found)
        if time.monotonic() > until:
            break
        await asyncio.sleep(0.01)
        reap()
    while _doomed and time.monotonic() < until:
        reap()
        if _doomed:
            await asyncio.sleep(0.01)
    return left


def doom(pids: list[int]) -> None:
    """These were killed by other means: should they become our children, they want reaping."""
    _doomed.update(pids)


def reap() -> None:
    """Bury those that were killed and have become our own children; forget those that never did."""
    for pid in list(_doomed):
        try:
            done, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            # Somebody else's child still, or gone.
            if not Path(f"/proc/{pid}").exists():
                _doomed.discard(pid)
        else:
            if done:
                _doomed.discard(pid)


def strangers(known: Callable[[int], bool], lives: Callable[[str], bool]) -> int:
    """Reap the dead and end the living that this worker adopted and nobody answers for; how many were ended.

    ``known`` tells the worker's own children, ``lives`` whether the child of a mark is still at work.
    """
    if not _owner:
        return 0
    ended = 0
    for pid in list(children(os.getpid())):
        if known(pid) or (_guard is not None and pid == _guard.pid):
            continue
        with suppress(OSError):
            if os.waitpid(pid, os.WNOHANG)[0]:
                continue
        if not lives(_mark_of(pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            _doomed.add(pid)
            ended += 1
    reap()
    return ended


def _mark_of(pid: int) -> str:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return ""
    for entry in environ.split(b"\0"):
        if entry.startswith(NAME.encode() + b"="):
            return entry.partition(b"=")[2].decode("ascii", "replace")
    return ""
