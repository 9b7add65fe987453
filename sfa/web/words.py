"""Say times, sizes and states in words, in the reader's language: where the dashboard's figures get their form."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sfa.db import Row
from sfa.told import told, told_log
from sfa.web.languages import gettext as _
from sfa.web.names import NAMES, kind_name, letter


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


def exact_place(milliseconds: int) -> str:
    """A place in a track to the hundredth of a second: 1:02.50."""
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes}:{rest / 1000:05.2f}"


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
    if whole < 172_800:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return _("%(n)s days") % {"n": round(whole / 86_400)}


def ago(moment: datetime | None) -> str:
    """How long ago: just now, 3 min ago, yesterday, 2026-11-12; a moment to come: in 3 min."""
    if moment is None:
        return ""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    if seconds < -1:
        return _("in %(span)s") % {"span": span(-seconds)}
    for limit, size, unit in ((3600, 60, "min"), (86_400, 3600, "h")):
        if seconds < 60:
            return _("just now")
        if seconds < limit:
            return _("%(n)s %(unit)s ago") % {"n": int(seconds // size), "unit": unit}
    if seconds < 172_800:
        return _("yesterday")
    return f"{moment:%Y-%m-%d}"


def full(moment: datetime) -> str:
    """A moment to the second, with its zone."""
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"


def precise(moment: datetime) -> str:
    """The time of a day to the tenth of a second; the day too if it is not today."""
    day = "" if moment.date() == datetime.now(UTC).date() else f"{moment:%Y-%m-%d} "
    return f"{day}{moment:%H:%M:%S}.{moment.microsecond // 100_000}"


def size(count: int | None) -> str:
    """Bytes as people read them: 840 kB, 3.4 MB, 1.2 GB."""
    if count is None:
        return "–"
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{max(1, round(count / 1e3))} kB"


def held(count: int) -> str:
    """Bytes that somebody holds; a dash for none."""
    return size(count) if count else "–"


def decibels(value: float | None) -> str:
    """A level, with a real minus sign."""
    return _("silent") if value is None else f"{value:.1f} dB".replace("-", "−")


def figure(value: object, name: str) -> str:
    """A value of an attempt's certificate or an incident's detail, in the unit that its name says, or in words."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        if "bytes" in name or "rss" in name:
            return size(int(value))
        if name.endswith("_mb"):
            return size(int(value * 1e6))
        if name.endswith("_kb"):
            return size(int(value * 1024))
        if name.endswith(("_s", "seconds")):
            return f"{value:.1f} s"
    if isinstance(value, str) and name in ("why", "ended_by", "last_stage", "detail"):
        return told(value)
    return str(value) if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False)


def state(job: Row) -> str:
    """A job's state: waiting, running 42 %, retrying in 30 s, done, failed, cancelled."""
    status = job["status"]
    if status == "running":
        return _("running %(percent)s %%") % {"percent": int(job["progress"])}
    starts_in = job.get("starts_in")
    if status == "retrying" and starts_in and starts_in > 0:
        return _("retrying in %(span)s") % {"span": span(starts_in)}
    if status == "waiting" and starts_in and starts_in > 0:
        return _("starts in %(span)s") % {"span": span(starts_in)}
    return _("done") if status == "completed" else _(str(status))


def left(job: Row) -> str:
    """The time a running job still needs, from its own pace; empty as long as that says nothing."""
    if job["status"] == "running" and (job.get("stage") or "").endswith(" left"):
        return ""  # its child knows better, and says so
    elapsed, progress = job.get("elapsed"), job["progress"]
    if job["status"] != "running" or not elapsed or progress < 3 or elapsed < 2 or progress >= 100:
        return ""
    return _("about %(span)s left") % {"span": span(elapsed * (100 - progress) / progress)}


def job_name(job: Row) -> str:
    """What the job does: Separation with htdemucs, Analysis, Download from example.org."""
    name = kind_name(job["kind"])
    if job["kind"] == "processing":
        return _("%(kind)s with %(model)s") % {"kind": name, "model": job["detail"]}
    if job["kind"] == "export":
        return _("%(kind)s: %(package)s") % {"kind": name, "package": job["detail"]}
    if job["kind"] == "download":
        host = urlsplit(job["detail"]).hostname or _("a link")
        return _("%(kind)s from %(host)s") % {"kind": name, "host": host}
    if job["kind"] == "export":
        return _("%(kind)s: %(what)s") % {"kind": name, "what": job["detail"]}
    return name


def of_job(job: Row) -> str:
    """Where what a job is about can be seen: its track; a job without one is shown by itself."""
    return f"/tracks/{job['track_id']}" if job["track_id"] else f"/jobs/{job['id']}"


def pretty(value: object) -> str:
    """A JSON value, indented."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


FILTERS: dict[str, Any] = NAMES | {
    function.__name__: function
    for function in (
        clock, exactly, exact_place, span, ago, full, precise, size, held, decibels, figure, state, left, job_name, of_job, letter, pretty,
        told, told_log,
    )
}  # fmt: skip
