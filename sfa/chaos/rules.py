"""Rules of one part of the queue each, asked of the history of a scenario that is about that part.

Pure; each answers with what was broken, in words. Times of effects are the machine's monotonic clock, those of journals
the database's; the two are never compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sfa.chaos.effects import Effect
from sfa.chaos.history import TOLERANCE


@dataclass(frozen=True, slots=True)
class Lease:
    """An entry of the journal: a lease was ``taken`` or ended, and what it held of each resource."""

    at: float
    job: int
    taken: bool
    held: Mapping[str, float]


def overdrawn(journal: Iterable[Lease], capacity: Mapping[str, float]) -> list[str]:
    """Where leases together held more of a resource than there is, or gave back what they had not."""
    held: dict[str, float] = defaultdict(float)
    found = []
    for lease in journal:
        for name, amount in lease.held.items():
            held[name] += amount if lease.taken else -amount
            if held[name] > capacity[name]:
                found.append(
                    f"job {lease.job} brought {name} to {held[name]:g} of {capacity[name]:g}"
                )
            if held[name] < 0:
                found.append(f"job {lease.job} gave back more {name} than was held")
    found += [
        f"{amount:g} of {name} never came back" for name, amount in held.items() if amount > 0
    ]
    return found


def overworked(effects: Iterable[Effect], needs: Mapping[int, float], capacity: float) -> float:
    """For how many seconds, at the longest, children at work together used more than there is."""
    spans: dict[str, tuple[float, float, float]] = {}
    for effect in effects:
        if effect.job in needs:
            begun, last, _ = spans.get(effect.token, (effect.at, effect.at, 0))
            spans[effect.token] = (min(begun, effect.at), max(last, effect.at), needs[effect.job])
    steps = sorted(
        step for begun, last, need in spans.values() for step in ((begun, need), (last, -need))
    )
    used, since, longest = 0.0, None, 0.0
    for at, change in steps:
        used += change
        if used > capacity and since is None:
            since = at
        elif used <= capacity and since is not None:
            longest, since = max(longest, at - since), None
    return longest


def out_of_line(
    effects: Iterable[Effect], links: Iterable[tuple[int, int]], completed: set[int]
) -> list[str]:
    """Where a job began before the one that it follows had done its work, or although that never completed.

    Options: links: (job, the one that it follows).
    """
    starts: dict[int, float] = {}
    ends: dict[int, float] = {}
    for effect in effects:
        if effect.event == "start":
            starts.setdefault(effect.job, effect.at)
        elif effect.event == "end":
            ends.setdefault(effect.job, effect.at)
    found = []
    for job, before in links:
        if job in starts and before not in completed:
            found.append(f"job {job} ran although job {before} before it has not completed")
        elif job in starts and starts[job] < ends.get(before, float("inf")):
            found.append(f"job {job} began before job {before} had ended")
    return found


def past_the_breaker(
    journal: Iterable[Lease], states: Iterable[tuple[float, str]], slack: float = TOLERANCE / 2
) -> list[str]:
    """Claims while the breaker was open, and a second trial beside one that runs.

    A claim that was under way when it tripped is let go: ``slack`` seconds.
    """
    state, since = "closed", float("-inf")
    trials: set[int] = set()
    found = []
    events: list[tuple[float, str | Lease]] = [*((lease.at, lease) for lease in journal), *states]
    for at, event in sorted(events, key=lambda event: event[0]):
        if isinstance(event, str):
            state, since = event, at
            trials.clear()
        elif not event.taken:
            trials.discard(event.job)
        elif state == "open" and at > since + slack:
            found.append(
                f"job {event.job} was claimed {at - since:.1f} s after the breaker had opened"
            )
        elif state == "half_open":
            trials.add(event.job)
            if len(trials) > 1:
                found.append(f"jobs {sorted(trials)} were tried at a time")
    return found


def impatient(
    effects: Sequence[Effect], priorities: Mapping[int, int], queued: set[int]
) -> list[str]:
    """Where, with one slot, a job began while one of a higher priority had waited for its first start."""
    waiting = set(queued)
    found = []
    for effect in effects:
        if effect.event == "start" and effect.job in waiting:
            waiting.discard(effect.job)
            ahead = [job for job in waiting if priorities[job] > priorities[effect.job]]
            if ahead:
                found.append(f"job {effect.job} began before {ahead[:3]}, which go first")
    return found
