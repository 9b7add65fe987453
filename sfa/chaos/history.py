"""Judge a history: what the tables say afterwards, against what the children really did.

Pure. A finding is one of
    lost     a job that was committed is gone, has not come to an end, ended otherwise than it may, or is
             "completed" without its result or its effect;
    doubled  two attempts of a job were at work at a time, a job has two results, or one by a stale token;
    orphan   a process outlived the worker it belonged to;
    untold   an attempt without a verdict, a lease that nobody holds, a domain row that says something else
             than its queue row.
Limit: effects that overlap for less than `TOLERANCE` pass: a machine that was paused with all that ran on it can't
kill a child before it goes on. The token keeps those few from writing anything.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sfa.chaos.effects import Effect

TOLERANCE = 1.0
# Queue row's status: the domain row's that must stand beside it.
MIRROR: Mapping[str, Collection[str]] = {
    "todo": ("waiting", "retrying"),
    "doing": ("running",),
    "succeeded": ("completed",),
    "failed": ("failed",),
    "cancelled": ("cancelled",),
    "aborted": ("cancelled",),
}
FINAL = frozenset({"succeeded", "failed", "cancelled", "aborted"})

Fault = Literal["lost", "doubled", "orphan", "untold"]


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was left: its queue row's status and its domain row's; None: the row is gone."""

    id: int
    status: str | None
    domain: str | None
    wanted: Collection[str] = ("succeeded",)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt as it was left."""

    job: int
    token: str
    verdict: str | None
    started: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that should not have happened."""

    fault: Fault
    text: str


@dataclass(frozen=True, slots=True)
class History:
    """Everything that is known of a scene once it is over."""

    jobs: Sequence[Job]
    attempts: Sequence[Attempt] = ()
    effects: Sequence[Effect] = ()
    results: Sequence[tuple[int, str]] = ()
    """(job, token) of each result row."""
    leases: Sequence[int] = ()
    """Jobs that have a lease although no worker lives."""
    processes: Sequence[str] = ()
    """What still runs."""
    extra: Sequence[Finding] = field(default=())
    """What the scenario saw by itself."""


def judge(history: History) -> list[Finding]:
    """Every finding, in the order of the kinds."""
    found = [*history.extra]
    effects: dict[int, list[Effect]] = defaultdict(list)
    for effect in history.effects:
        effects[effect.job].append(effect)
    attempts: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in history.attempts:
        attempts[attempt.job].append(attempt)
    results: dict[int, list[str]] = defaultdict(list)
    for job, token in history.results:
        results[job].append(token)
    for known in history.jobs:
        found += _lost(known, results[known.id], effects[known.id])
        found += _doubled(known, results[known.id], effects[known.id], attempts[known.id])
        found += _untold(known, attempts[known.id])
    found += [
        Finding("untold", f"job {job} has a lease that nobody holds") for job in history.leases
    ]
    found += [Finding("orphan", what) for what in history.processes]
    return found


def _lost(job: Job, results: Sequence[str], effects: Sequence[Effect]) -> list[Finding]:
    if job.status is None:
        return [Finding("lost", f"job {job.id} is gone")]
    if job.status not in FINAL:
        return [Finding("lost", f"job {job.id} is still {job.status}")]
    if job.status not in job.wanted:
        return [Finding("lost", f"job {job.id} is {job.status}, not {' or '.join(job.wanted)}")]
    if job.status == "succeeded":
        ended = {effect.token for effect in effects if effect.event == "end"}
        if not results:
            return [Finding("lost", f"job {job.id} is succeeded, but has no result")]
        if results[0] not in ended:
            return [Finding("lost", f"job {job.id} has a result of an attempt that did no work")]
    return []


def _doubled(
    job: Job, results: Sequence[str], effects: Sequence[Effect], attempts: Sequence[Attempt]
) -> list[Finding]:
    found = []
    if len(results) > 1:
        found.append(Finding("doubled", f"job {job.id} has {len(results)} results"))
    if results and job.status != "succeeded":
        found.append(Finding("doubled", f"job {job.id} is {job.status}, but has a result"))
    good = {attempt.token for attempt in attempts if attempt.verdict == "completed"}
    if attempts and not good.issuperset(results):
        found.append(Finding("doubled", f"job {job.id} has a result by a stale token"))
    overlap = max((late for _, late in overlaps(effects)), default=0.0)
    if overlap > TOLERANCE:
        found.append(
            Finding("doubled", f"job {job.id} was worked on twice at a time, for {overlap:.1f} s")
        )
    ordered = sorted(attempts, key=lambda attempt: attempt.started)
    found.extend(
        Finding("doubled", f"job {job.id} was leased twice at a time")
        for first, second in itertools.pairwise(ordered)
        if first.ended is None or second.started < first.ended
    )
    return found


def _untold(job: Job, attempts: Sequence[Attempt]) -> list[Finding]:
    found = [
        Finding("untold", f"an attempt at job {job.id} has no verdict")
        for attempt in attempts
        if attempt.verdict is None
    ]
    if job.status is not None and job.domain is not None and job.domain not in MIRROR[job.status]:
        found.append(Finding("untold", f"job {job.id} is {job.status} here and {job.domain} there"))
    return found


def overlaps(effects: Sequence[Effect]) -> list[tuple[str, float]]:
    """Attempts that were still at work when the next one had begun: (token, seconds), longest at any time."""
    spans: dict[str, tuple[float, float]] = {}
    for effect in effects:
        begun, last = spans.get(effect.token, (effect.at, effect.at))
        spans[effect.token] = (min(begun, effect.at), max(last, effect.at))
    ordered = sorted(spans.items(), key=lambda item: item[1])
    return [
        (token, last - begun)
        for (token, (_, last)), (_, (begun, _)) in itertools.pairwise(ordered)
        if last > begun
    ]
