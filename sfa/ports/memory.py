"""Read how much memory a process holds, and how much the machine has left; 0 where the system does not say."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Resident bytes: cheap (one small file), counts shared pages whole."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0


def proportional(pid: int) -> int:
    """Proportional set size in bytes: shared pages count by share. Milliseconds for a large process."""
    found = _field(f"/proc/{pid}/smaps_rollup", "Pss:")
    return found or resident(pid)


def peak(pid: int) -> int:
    """Most resident bytes since `forget_peak`, or since the start."""
    return _field(f"/proc/{pid}/status", "VmHWM:")


def forget_peak(pid: int) -> None:
    """Measure the peak anew from here."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def available() -> int:
    """Bytes that can be used without swapping."""
    return _field("/proc/meminfo", "MemAvailable:")


def total() -> int:
    """Bytes that the machine has."""
    return _field("/proc/meminfo", "MemTotal:")


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS


def oom_kills() -> int:
    """How many processes the kernel has killed on this machine for want of memory."""
    return _field("/proc/vmstat", "oom_kill") // 1024


def _field(path: str, name: str) -> int:
    try:
        for line in Path(path).read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 0
