"""Show on a terminal what goes on: set-up steps, and one live line a job.

Decides by whether standard error is a terminal: there the lines are rewritten in place; elsewhere a
plain line appears when a job's status or stage changes, or it has come 10 % further.
Limit: a line is cut at the terminal's width, never wrapped.

Options of Board: interval – seconds between two drawings (default 0.1).
"""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

BAR = 24


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say what is being waited for, and at its end how long it took; an error passes through."""
    live = sys.stderr.isatty()
    if live:
        print(f"  … {name}", end="", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print(f"\r\033[K  ✗ {name}" if live else f"  ✗ {name}", file=sys.stderr)
        raise
    start = "\r\033[K" if live else ""
    print(f"{start}  ✓ {name:<9} {time.monotonic() - began:5.1f} s", file=sys.stderr)


def clock(seconds: float) -> str:
    """A length as m:ss, or h:mm:ss from an hour on."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


@dataclass(frozen=True, slots=True)
class Line:
    """One job as the board shows it; `elapsed` in seconds, `length` the audio's seconds if known."""

    name: str
    status: str
    percent: float
    stage: str = ""
    elapsed: float = 0.0
    length: float | None = None

    def pace(self) -> str:
        """How fast it goes and how long it still takes, once that can be told."""
        if self.status != "running" or self.percent < 1 or self.elapsed <= 0:
            return ""
        left = self.elapsed * (100 - self.percent) / self.percent
        if self.length:
            rate = f"{self.length * self.percent / 100 / self.elapsed:.1f}× real time"
        else:
            rate = f"{self.percent / self.elapsed:.1f} %/s"
        return f"{rate}, {clock(left)} left"

    def text(self) -> str:
        """The whole line, without colours."""
        full = round(BAR * min(max(self.percent, 0), 100) / 100)
        bar = "█" * full + "░" * (BAR - full)
        match self.status:
            case "running":
                tail = f"{self.percent:3.0f} %  {self.pace() or self.stage}"
            case "completed":
                tail = f"done in {clock(self.elapsed)}"
            case _:
                tail = f"{self.status}  {self.stage}"
        return f"  {self.name:<22} {bar} {tail}".rstrip()


class Board:
    """The live lines of the jobs; `update` as often as you like, `close` once."""

    def __init__(self, out: TextIO | None = None, interval: float = 0.1) -> None:
        self._out = out or sys.stderr
        self._live = self._out.isatty()
        self._interval = interval
        self._drawn = 0
        self._at = 0.0
        self._last: Sequence[Line] = ()
        self._told: dict[str, tuple[str, int]] = {}

    def update(self, lines: Sequence[Line]) -> None:
        """Show these lines instead of the last ones."""
        self._last = lines
        if not self._live:
            self._tell(lines)
        elif time.monotonic() - self._at >= self._interval:
            self._draw(lines)

    def close(self) -> None:
        """Draw the last state once more and leave it there."""
        if self._live:
            self._draw(self._last)
        self._drawn = 0

    def _draw(self, lines: Sequence[Line]) -> None:
        width = shutil.get_terminal_size().columns - 1
        up = f"\033[{self._drawn}A" if self._drawn else ""
        body = "".join(f"\r\033[K{line.text()[:width]}\n" for line in lines)
        self._out.write(f"{up}{body}")
        self._out.flush()
        self._drawn, self._at = len(lines), time.monotonic()

    def _tell(self, lines: Sequence[Line]) -> None:
        for line in lines:
            now = (line.status, int(line.percent // 10))
            if self._told.get(line.name) == now:
                continue
            self._told[line.name] = now
            self._out.write(f"{line.text()}\n")
        self._out.flush()
