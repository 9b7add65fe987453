"""Name what the database has words for: kinds, states, verdicts, errors, events, stems."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sfa.web.languages import gettext as _


def mark(text: str) -> str:
    """Mark a text for the catalogues; it is looked up when it is shown."""
    return text


KINDS = {
    "download": mark("Download"),
    "processing": mark("Separation"),
    "analysis": mark("Analysis"),
    "import": mark("Import"),
    "covers": mark("Covers"),
    "export": mark("Export"),
    "auto_cue": mark("Cue points"),
    "lalalai": mark("lalal.ai"),
    "multistem": mark("Many stems"),
    "voice_change": mark("Another voice"),
    "voice_clean": mark("Clean voice"),
    "housekeeping": mark("Housekeeping"),
}
STATUSES = {
    "waiting": mark("waiting"),
    "running": mark("running"),
    "retrying": mark("retrying"),
    "completed": mark("done"),
    "failed": mark("failed"),
    "cancelled": mark("cancelled"),
    "refused": mark("refused"),
}
OPERATIONS = {
    "analyze": mark("Analysis"),
    "separate": mark("Separation"),
    "multistem": mark("Many stems"),
    "demuser": mark("Voice without music"),
    "voice_clean": mark("Clean voice"),
    "voice_change": mark("Another voice"),
}
QUALITIES = {
    "input": mark("bad input"),
    "resource": mark("short of memory or device"),
    "internal": mark("an error inside"),
    "crash": mark("a crash"),
    "timeout": mark("too slow"),
}
OBSTACLES = {
    "paused": mark("the queue is paused"),
    "breaker": mark("its jobs kept crashing"),
    "worker": mark("no worker serves the queue"),
    "trial": mark("one job is being tried after the others crashed"),
    "limit": mark("the limit of all workers together is reached"),
    "busy": mark("every slot is taken"),
    "lock": mark("another job of the same lock runs"),
}
PROCESSES = {
    "program": mark("program"),
    "worker": mark("worker"),
    "pool": mark("pool"),
    "child": mark("child"),
    "job": mark("job"),
}
PROCESS_STATES = {
    "running": mark("running"),
    "starting": mark("starting"),
    "stopping": mark("stopping"),
    "stopped": mark("stopped"),
    "exited": mark("ended"),
    "backoff": mark("starts again"),
    "fatal": mark("given up"),
    "silent": mark("silent"),
    "unknown": mark("unknown"),
    "idle": mark("idle"),
    "busy": mark("busy"),
}
INCIDENTS = {
    "exited": mark("ended unexpectedly"),
    "fatal": mark("did not come up and was given up"),
    "held": mark("ended too often and is held back"),
    "revived": mark("was started again after its pause"),
    "escalated": mark("gave up on itself"),
    "tripped": mark("kept crashing; its breaker holds the queue back"),
    "closed": mark("runs again; its breaker is closed"),
}
FACTS = {
    "why": mark("why"),
    "ended_by": mark("ended by"),
    "port": mark("port"),
    "device": mark("device"),
    "pid": mark("process"),
    "exit_code": mark("exit code"),
    "signal": mark("signal"),
    "oom": mark("out of memory"),
    "peak_rss": mark("most memory"),
    "last_rss": mark("memory at last"),
    "cpu_seconds": mark("processor time"),
    "calls": mark("calls so far"),
    "last_percent": mark("percent at last"),
    "last_stage": mark("stage at last"),
    "last_seen": mark("last seen"),
    "left_behind": mark("left processes behind"),
    "protocol_errors": mark("lines against the protocol"),
    "detail": mark("in detail"),
    "constraint": mark("rule"),
    "exception": mark("exception"),
    "starts_in": mark("starts in"),
    "in_window": mark("ends in a row"),
    "pause": mark("pause number"),
    "trips": mark("trips"),
    "seconds": mark("for"),
}
"""What an attempt's certificate and an incident's detail are about."""
REMOVALS = {
    "crashed": mark("crashed"),
    "killed": mark("killed"),
    "max_calls": mark("after its last call"),
    "max_age": mark("old"),
    "max_rss": mark("too large"),
    "idle": mark("idle"),
    "shutdown": mark("shut down"),
    "unknown": mark("unknown"),
}
"""Why a child left its pool."""
VERDICTS = {
    "running": mark("running"),
    "completed": mark("done"),
    "failed": mark("failed"),
    "retried": mark("failed, tried again"),
    "cancelled": mark("cancelled"),
    "lost": mark("lost: its worker or child died"),
    "released": mark("given back unharmed"),
}
EVENTS = {
    "deferred": mark("queued"),
    "started": mark("claimed by a worker"),
    "deferred_for_retry": mark("put back to be tried again"),
    "failed": mark("failed"),
    "succeeded": mark("done"),
    "cancelled": mark("cancelled"),
    "abort_requested": mark("told to stop"),
    "aborted": mark("stopped"),
    "scheduled": mark("set for a later time"),
    "retried": mark("started afresh"),
}
MODELS = (
    mark("Good and fast; the default"),
    mark("High quality, four networks, slow"),
    mark("Six stems: guitar and piano too"),
    mark("High quality for vocals, four networks"),
    mark("Quick preview by classical signal processing; needs no weights"),
)
"""What the catalogue of models says of them."""
STEM_NAMES = {
    "vocals": mark("vocals"),
    "drums": mark("drums"),
    "bass": mark("bass"),
    "other": mark("other"),
    "guitar": mark("guitar"),
    "piano": mark("piano"),
    "no_vocals": mark("all but vocals"),
}
KEPT = {"track": mark("track"), "stem": mark("stem"), "export": mark("export")}
"""Whose file it is that is missing."""
STEMS = {"vocals": "V", "drums": "D", "bass": "B", "guitar": "G", "piano": "P", "other": "O"}
"""Each stem's letter: colour alone never tells them apart."""


def named(table: dict[str, str]) -> Callable[[Any], str]:
    """A filter that looks up a word; what is not in the table is shown as it is."""

    def name(value: Any) -> str:
        word = table.get(value or "")
        return _(word) if word else str(value or "–").replace("_", " " if table is FACTS else "_")

    return name


kind_name = named(KINDS)


def letter(stem_type: str) -> str:
    """A stem's letter."""
    return STEMS.get(stem_type, stem_type[:1].upper())


NAMES: dict[str, Callable[[Any], str]] = {
    "kind_name": kind_name,
    "status_name": named(STATUSES),
    "operation_name": named(OPERATIONS),
    "quality": named(QUALITIES),
    "obstacle_name": named(OBSTACLES),
    "verdict_name": named(VERDICTS),
    "process_name": named(PROCESSES),
    "process_state": named(PROCESS_STATES),
    "incident_name": named(INCIDENTS),
    "fact_name": named(FACTS),
    "removal_name": named(REMOVALS),
    "event_name": named(EVENTS),
    "stem_name": named(STEM_NAMES),
    "missing_what": named(KEPT),
}
