"""Keep what supervisord lacks: how often a program ended, when to hold it back, and when to try again.

supervisord restarts a program that ran for `startsecs` at once and without limit, and gives one up for good (FATAL) that does not
come up. Here every unexpected end counts in a window; one too many and the program is stopped and held back. What is held
or FATAL is started again after a pause: 5 s, doubled each time up to 5 minutes, with jitter; ten quiet minutes
make it 5 s again. What a person stops stays stopped, also if it is held back or FATAL at that time; what a person starts
is his. Each of these is an incident, written when the database can be reached, and kept in a file (with what is held
back, and what a person has stopped) until then.

Limit: one host; the listener's own end is supervisord's to mend.
"""

from __future__ import annotations

import json
import logging
import random
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sfa.errors import SfaError
from sfa.remote import STOPPED
from sfa.supervisord import Program

log = logging.getLogger(__name__)

MAX_RESTARTS = 5
WINDOW = 60.0
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0
QUIET = 600.0
# A program that is to be held may be on its way up again: for so long its start is not a person's.
RACE = 3.0
KEPT = 1000


class Daemon(Protocol):
    """What is asked of supervisord."""

    def programs(self) -> list[Program]: ...

    def start_program(self, name: str) -> None: ...

    def hold_program(self, name: str) -> None: ...

    def last_end(self, name: str) -> str: ...


def _ended(words: str) -> dict[str, Any]:
    """An end in supervisord's words, as facts."""
    if code := re.fullmatch(r"exit status (\d+)", words):
        return {"exit_code": int(code[1])}
    if signal := re.match(r"terminated by (\S+)", words):
        return {"signal": signal[1]}
    return {}


@dataclass(slots=True)
class Watched:
    """One program: its unexpected ends, and what is planned for it."""

    ends: deque[float] = field(default_factory=deque)
    pauses: int = 0
    held_at: float | None = None
    start_at: float | None = None
    quiet_since: float | None = None
    off: bool = False
    """A person stopped it."""
    end: str = ""
    """How it ended last, in supervisord's words."""

    def count(self, now: float) -> int:
        """Unexpected ends within the window."""
        while self.ends and now - self.ends[0] > WINDOW:
            self.ends.popleft()
        return len(self.ends)


class Watchman:
    """Decides; see the module.

    Options:
        file: where incidents that are not written yet, and the held programs, outlast this process.
        clock: monotonic seconds. jitter: the factor of a pause.
    """

    def __init__(
        self, daemon: Daemon, file: Path, *, clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2),  # noqa: S311 - jitter, not a secret
    ) -> None:  # fmt: skip
        self._daemon = daemon
        self._file = file
        self._clock = clock
        self._jitter = jitter
        self._programs: dict[str, Watched] = {}
        self.incidents: list[dict[str, Any]] = []
        self.stopping = False
        self._load()

    def event(self, name: str, payload: Mapping[str, str]) -> None:
        """Take one of supervisord's events."""
        if name == "SUPERVISOR_STATE_CHANGE_STOPPING":
            self.stopping = True
        program = payload.get("processname", "")
        if self.stopping or not program:
            return
        now = self._clock()
        watched = self._programs.setdefault(program, Watched())
        if name == "REMOTE_COMMUNICATION" and payload.get("type") == STOPPED:
            # It does not run, and that is how it is wanted.
            watched.off, watched.start_at, watched.held_at = True, None, None
            self._save()
        if not name.startswith("PROCESS_STATE_"):
            return
        match name.removeprefix("PROCESS_STATE_"):
            case "EXITED" if payload.get("expected") != "1" or program.startswith("worker-"):
                self._ended(program, watched, now)
            case "BACKOFF":
                watched.ends.append(now)
                watched.end = self._daemon.last_end(program)
            case "FATAL":
                self._plan(program, watched, now, "fatal")
            case "STARTING" if watched.held_at is not None and now - watched.held_at < RACE:
                self._daemon.hold_program(program)
            case "STARTING":
                watched.held_at = watched.start_at = None
                watched.off = False
            case "STOPPED" if watched.held_at is None:
                # A person's doing: it stays so.
                watched.start_at = None
                watched.off = True
            case "RUNNING":
                watched.quiet_since = now
        self._save()

    def tick(self) -> list[dict[str, Any]]:
        """Start what is due; every program as a row."""
        now = self._clock()
        rows = []
        for program in self._daemon.programs():
            watched = self._programs.setdefault(program.name, Watched())
            if program.state == "RUNNING":
                # Whoever started it, and whether that was heard of or not.
                watched.off = False
            if program.state == "FATAL" and watched.start_at is None and not watched.off:
                self._plan(program.name, watched, now, "fatal")
            if program.state == "RUNNING" and watched.quiet_since is not None and now - watched.quiet_since > QUIET:  # fmt: skip
                watched.pauses = 0
            if program.state == "STOPPING" and watched.held_at is not None:
                # It was told as it began, before it could hear; supervisord would wait, and then kill.
                self._daemon.hold_program(program.name)
            elif watched.start_at is not None and now >= watched.start_at and not self.stopping:
                self._revive(program.name, watched)
            rows.append(
                {
                    "name": program.name,
                    "state": program.state,
                    "pid": program.pid or None,
                    **(_ended(watched.end) if program.state in ("EXITED", "FATAL", "BACKOFF") else {}),
                    "restarts": watched.count(now),
                    "starts_in": max(0.0, watched.start_at - now) if watched.start_at is not None else None,
                }
            )  # fmt: skip
        return rows

    def written(self, count: int) -> None:
        """The first ``count`` incidents are in the database."""
        del self.incidents[:count]
        self._save()

    def _ended(self, program: str, watched: Watched, now: float) -> None:
        watched.ends.append(now)
        watched.end = self._daemon.last_end(program)
        facts = _ended(watched.end)
        event = "escalated" if facts.get("exit_code") == 70 else "exited"
        self._note(program, event, {**facts, "in_window": watched.count(now)})
        if watched.count(now) > MAX_RESTARTS and watched.held_at is None:
            watched.held_at = now
            self._plan(program, watched, now, "held")
            self._daemon.hold_program(program)

    def _plan(self, program: str, watched: Watched, now: float, event: str) -> None:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**watched.pauses) * self._jitter()
        watched.pauses += 1
        watched.start_at = now + pause
        facts = _ended(watched.end) if event == "fatal" else {}
        self._note(program, event, {**facts, "starts_in": round(pause, 1), "pause": watched.pauses})
        log.warning("%s is %s; it is started again in %.0f s", program, event, pause)

    def _revive(self, program: str, watched: Watched) -> None:
        watched.start_at = watched.held_at = None
        watched.ends.clear()
        try:
            self._daemon.start_program(program)
        except SfaError as error:
            log.warning("%s could not be started: %s", program, error)
            return
        self._note(program, "revived", {"pause": watched.pauses})
        self._save()

    def _note(self, program: str, event: str, detail: dict[str, Any]) -> None:
        self.incidents.append(
            {"at": time.time(), "program": program, "event": event, "detail": detail}
        )
        del self.incidents[:-KEPT]

    def _save(self) -> None:
        held = {name: w.pauses for name, w in self._programs.items() if w.start_at is not None}
        off = [name for name, watched in self._programs.items() if watched.off]
        text = json.dumps({"incidents": self.incidents, "held": held, "off": off})
        try:
            fresh = self._file.with_suffix(".new")
            fresh.write_text(text)
            fresh.replace(self._file)
        except OSError as error:
            log.warning("what is held back could not be kept: %s", error.strerror)

    def _load(self) -> None:
        try:
            kept = json.loads(self._file.read_text())
            self.incidents = list(kept["incidents"])
            for name, pauses in kept["held"].items():
                # The pause it had is over, or nearly: it gets the shortest.
                now = self._clock()
                self._programs[name] = Watched(pauses=pauses, held_at=now - RACE, start_at=now + FIRST_PAUSE)  # fmt: skip
            for name in kept["off"]:
                self._programs[name] = Watched(off=True)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
