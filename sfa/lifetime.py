"""Bind a process's life to the one that started it.

Decides by two things together: the kernel's parent-death signal, and a look at the parent's pid after
asking for it, because a parent that died in between sends nothing.
Limit: Linux only; elsewhere it does nothing, and a killed supervisord leaves its programs behind. The
signal is bound to the thread that spawned, so spawn from a thread that lives. A change of user clears
it: call after the change, before exec.

A program that supervisord starts can lose it before it gets as far as asking, and would then ask for the death of whoever
adopted it: `supervisor` tells by the pipe that supervisord holds the other end of.

Options: sig – what the kernel sends when the parent dies (default SIGKILL).
"""

import ctypes
import os
import select
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Loaded at import: dlopen between fork and exec could meet a lock that another thread held.
_libc: ctypes.CDLL | None = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(sig: signal.Signals = signal.SIGKILL, parent: int | None = None) -> None:
    """Have the kernel send `sig` when the parent dies; exit now if `parent` is already gone."""
    if _libc is None:
        return
    before = os.getppid() if parent is None else parent
    if _libc.prctl(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != before:
        os._exit(128 + int(sig))


def supervisor() -> int:
    """Return supervisord's pid, for `die_with_parent` to look at; exit now if supervisord is gone already.

    Standard input is a pipe that only supervisord writes to: it hangs up at supervisord's end, however that comes about.
    """
    parent = os.getppid()
    stdin = select.poll()
    stdin.register(0, 0)  # a hang-up is told unasked
    if any(event & select.POLLHUP for _, event in stdin.poll(0)):
        os._exit(128 + signal.SIGKILL)
    return parent
