"""Keep the effects of jobs where no fault reaches them: a file that is only appended to, a JSON object a line.

A line is written by one ``write`` on an O_APPEND descriptor, so the lines of several processes don't mix. Times are
the machine's monotonic clock, which every process shares and no clock step moves.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing a child did: ``start``, ``beat`` (it still works), ``end`` (its work is done)."""

    at: float
    event: str
    job: int
    token: str
    pid: int


def append(path: str, event: str, job: int, token: str) -> None:
    """Write one effect of this process."""
    effect = {
        "at": time.monotonic(),
        "event": event,
        "job": job,
        "token": token,
        "pid": os.getpid(),
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps(effect).encode() + b"\n")
    finally:
        os.close(descriptor)


class Effects:
    """The effects so far; `read` takes in what was added since the last time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.touch(mode=0o600)
        self._at = 0
        self._all: list[Effect] = []

    def read(self) -> list[Effect]:
        """Every effect, in the order of the file."""
        with self.path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        self._all += [Effect(**json.loads(line)) for line in whole.splitlines()]
        return self._all

    def of(self, job: int, event: str) -> list[Effect]:
        """The effects of one job and kind."""
        return [effect for effect in self.read() if (effect.job, effect.event) == (job, event)]
