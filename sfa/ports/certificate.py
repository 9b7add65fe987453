"""Write a child's certificate: how it was at the end of a call, or how it died, and by whose hand.

Every attempt keeps one (``attempts.certificate``, shown by ``sfa_attempts``). Keys, each left out where there is nothing to
say: port, device, pid, why (what ended the call), ended_by (who ended the child: "itself", "the kernel: out of
memory", "somebody else: SIGKILL", or what the worker ended it for), exit_code, signal, oom, peak_rss (bytes), cpu_seconds,
calls (the child's so far), last_percent, last_stage, left_behind (processes that had to be ended after it),
protocol_errors, stderr (its last 64 KiB). Of an attempt that was lost with its whole worker there is what was known last
(``sfa_lost_certificate``): ended_by "worker lost", port, device, pid, last_rss, last_percent, last_stage, last_seen.
"""

from __future__ import annotations

import signal
from typing import Any

from sfa.ports import memory
from sfa.ports.process import Process


def signal_name(number: int) -> str:
    """SIGKILL and the like; a real-time signal has no name of its own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def ended_by(process: Process) -> str | None:
    """By whose hand the child ended; None while it lives."""
    code = process.returncode
    if code is None:
        return None
    if process.ended_by is not None:
        return process.ended_by
    if process.out_of_memory:
        return "the kernel: out of memory"
    if code in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP):
        return f"somebody else: {signal_name(-code)}"
    return "itself"


def died(process: Process) -> str:
    """How it ended, in a few words for the job's error."""
    code = process.returncode
    if code is None:
        return "it is still there"
    if process.out_of_memory:
        return "killed by the kernel: out of memory"
    if code < 0:
        return f"killed by {signal_name(-code)}"
    words = process.stderr_tail.strip().splitlines()
    return f"exit code {code}" + (f" ({words[-1][:200]})" if words else "")


def certificate(process: Process, why: str, *, cpu_before: float, **facts: Any) -> dict[str, Any]:
    """The facts, as JSON; ``cpu_before`` is what the child had used up before the call."""
    code = process.returncode
    alive = code is None
    found: dict[str, Any] = {
        **facts,
        "pid": process.pid,
        "why": why,
        "ended_by": ended_by(process),
        "exit_code": code if code is not None and code >= 0 else None,
        "signal": signal_name(-code) if code is not None and code < 0 else None,
        "oom": True if process.out_of_memory else None if alive else False,
        "peak_rss": (memory.peak(process.pid) if alive else process.peak) or None,
        "cpu_seconds": round(max(0.0, process.cpu - cpu_before), 3),
        "left_behind": process.swept or None,
        "stderr": process.stderr_tail or None,
    }
    return {key: value for key, value in found.items() if value is not None}
