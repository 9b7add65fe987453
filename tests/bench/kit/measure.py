"""Measure fairly on a machine that is not quiet: order, medians with ranges, and a calibration beside each sample.

Contestants run in ABBA order, so that a machine that slows down hurts each of them alike. Before each sample a fixed
piece of work is timed; a sample whose calibration is more than 25 % off the run's median is flagged, not dropped.
Limit: a calibration on one core says nothing of memory bandwidth or of the disk.
"""

from __future__ import annotations

import hashlib
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

TOLERANCE = 0.25


def abba(contestants: Sequence[T], rounds: int) -> Iterator[T]:
    """Every contestant once a round, each other round backwards: A B C, C B A, A B C …"""
    for number in range(rounds):
        yield from contestants if number % 2 == 0 else reversed(contestants)


@dataclass(frozen=True, slots=True)
class Summary:
    """Some samples in one line: the median and the range."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """Of at least one value."""
        return cls(statistics.median(values), min(values), max(values), len(values))


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which ``part`` (0..1) of the values lie: the nearest one, not interpolated."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def burn(seconds: float = 0.2) -> float:
    """Rounds a second of a fixed piece of processor work (sha256 of 64 KiB), measured for ``seconds``."""
    block, rounds, began = bytes(65536), 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        hashlib.sha256(block).digest()
        rounds += 1
    return rounds / spent


@dataclass(slots=True)
class Calibration:
    """How fast the machine was before each sample.

    Options:
        probe: measures the machine's speed, higher is faster (`burn`).
    """

    probe: Callable[[], float] = burn
    speeds: list[float] = field(default_factory=list)

    def take(self) -> float:
        """Measure now; the speed."""
        self.speeds.append(self.probe())
        return self.speeds[-1]

    def odd(self, speed: float) -> bool:
        """Whether the machine was much slower or faster then than it mostly was."""
        usual = statistics.median(self.speeds)
        return abs(speed - usual) > TOLERANCE * usual


def machine() -> str:
    """The machine in a line: processor, cores, memory, system, Python, load."""
    model = platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{model}, {cores} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )
