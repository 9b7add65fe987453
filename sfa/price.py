"""Say before a separation starts what it will cost on this host: time, memory, disk; and whether there is enough.

The audio's length is read by the port's child (``probe``), the speed is what this installation has measured
(`sfa_price`), memory and disk are looked at here. Limit: what is free now may be taken a moment later; the child looks
again before it begins, and the time is that of one job on an otherwise idle host.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from sfa.ask import ask
from sfa.db import Session
from sfa.errors import InputError

# Measured needs are this exact: refused is only what lacks more.
ENOUGH = 0.8


@dataclass(frozen=True, slots=True)
class Price:
    """What a separation costs.

    Options:
        audio: seconds of audio.
        seconds: how long it takes; None: nothing was measured on any host yet.
        memory, disk: bytes.
        measured: by this very model; else guessed from what is most like it.
    """

    audio: float
    seconds: float | None
    memory: int
    disk: int
    measured: bool

    def __str__(self) -> str:
        if self.seconds is None:
            told = "no separation was measured here yet"
        else:
            told = f"about {span(self.seconds)}"
            if not self.measured:
                told += " (a guess from other models)"
        return f"{told}, {_size(self.memory)} of memory, {_size(self.disk)} of disk while it runs"

    def lacking(self, folder: Path) -> str:
        """What there is not enough of here, and what to do; empty if all is well."""
        free = psutil.virtual_memory().available
        if free < ENOUGH * self.memory:
            return (
                f"it needs about {_size(self.memory)} of memory and {_size(free)} are free: close other programs, or "
                "take --model spectral"
            )
        room = shutil.disk_usage(folder).free
        if room < self.disk:
            return (
                f"it needs {_size(self.disk)} of disk and {_size(room)} are free: free some space"
            )
        return ""


async def price(session: Session, file: Path, model: str) -> Price:
    """Price a file; `InputError` if it cannot be read as audio."""
    audio = length(file)
    row = await session.one("separation_price", audio=audio, model=model)
    if row is None:
        raise InputError(f"there is no model {model!r}")
    return Price(audio, row["seconds"], row["memory_bytes"], row["disk_bytes"], row["measured"])


def length(file: Path) -> float:
    """The file's length in seconds, as the separator reads it. Blocks for about a second."""
    return float(ask("demucs_runner", "probe", audio=str(file.resolve()))["seconds"])


def span(seconds: float) -> str:
    """A time as people say it: 40 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"
