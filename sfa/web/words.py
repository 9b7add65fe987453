"""Say times, sizes and states in words: the one place where the dashboard's figures get their form."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sfa.db import Row

KINDS = {"download": "Download", "processing": "Separation", "analysis": "Analysis"}

STEMS = {
    "vocals": "V",
    "drums": "D",
    "bass": "B",
    "guitar": "G",
    "piano": "P",
    "other": "O",
}
"""Each stem's letter: colour alone never tells them apart."""


def clock(milliseconds: float | None) -> str:
    """A length or a place in a track: 4:05, 1:02:03."""
    if milliseconds is None:
        return "–"
    seconds = int(milliseconds // 1000)
    hours, rest = divmod(seconds, 3600)
    if hours:
        return f"{hours}:{rest // 60:02}:{rest % 60:02}"
    return f"{rest // 60}:{rest % 60:02}"


def exactly(milliseconds: float | None) -> str:
    """A short length to the tenth of a second, a longer one as `clock` says it."""
    if milliseconds is not None and milliseconds < 10_000:
        return f"{milliseconds / 1000:.1f} s"
    return clock(milliseconds)


def span(seconds: float | None) -> str:
    """How long something takes: 12 s, 1 min 20 s, 2 h 5 min."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if whole < 3600:
        return f"{round(whole / 60)} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def ago(moment: datetime | None) -> str:
    """How long ago: just now, 3 min ago, yesterday, 12 Nov 2026."""
    if moment is None:
        return ""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for limit, size, unit in ((3600, 60, "min"), (86_400, 3600, "h")):
        if seconds < 60:
            return "just now"
        if seconds < limit:
            return f"{int(seconds // size)} {unit} ago"
    if seconds < 172_800:
        return "yesterday"
    return f"{moment.day} {moment:%b %Y}"


def size(count: int | None) -> str:
    """Bytes as people read them: 840 kB, 3.4 MB, 1.2 GB."""
    if count is None:
        return "–"
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{max(1, round(count / 1e3))} kB"


def decibels(value: float | None) -> str:
    """A level, with a real minus sign."""
    return "silent" if value is None else f"{value:.1f} dB".replace("-", "−")


def state(job: Row) -> str:
    """A job's state: waiting, running 42 %, retrying in 30 s, done, failed, cancelled."""
    status = job["status"]
    if status == "running":
        return f"running {int(job['progress'])} %"
    starts_in = job.get("starts_in")
    if status == "retrying":
        return f"retrying in {span(starts_in)}" if starts_in and starts_in > 0 else "retrying"
    if status == "waiting" and starts_in and starts_in > 0:
        return f"starts in {span(starts_in)}"
    return "done" if status == "completed" else str(status)


def left(job: Row) -> str:
    """The time a running job still needs, from its own pace; empty as long as that says nothing."""
    elapsed, progress = job.get("elapsed"), job["progress"]
    if job["status"] != "running" or not elapsed or progress < 3 or elapsed < 2 or progress >= 100:
        return ""
    return f"about {span(elapsed * (100 - progress) / progress)} left"


def job_name(job: Row) -> str:
    """What the job does: Separation with htdemucs, Analysis, Download from example.org."""
    name = KINDS.get(job["kind"], str(job["kind"]))
    if job["kind"] == "processing":
        return f"{name} with {job['detail']}"
    if job["kind"] == "download":
        return f"{name} from {urlsplit(job['detail']).hostname or 'a link'}"
    return name


def letter(stem_type: str) -> str:
    """A stem's letter."""
    return STEMS.get(stem_type, stem_type[:1].upper())


FILTERS: dict[str, Any] = {
    function.__name__: function
    for function in (clock, exactly, span, ago, size, decibels, state, left, job_name, letter)
}
