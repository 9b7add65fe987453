"""The judge: every kind of fault is found in a history that has it, and none in one that has not."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from sfa.chaos.effects import Effect, Effects, append
from sfa.chaos.history import TOLERANCE, Attempt, History, Job, judge, overlaps

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def worked(token: str, begun: float, last: float, job: int = 1) -> list[Effect]:
    return [Effect(begun, "start", job, token, 7), Effect(last, "end", job, token, 7)]


GOOD = History(
    jobs=[Job(1, "succeeded", "completed")],
    attempts=[Attempt(1, "a", "lost", at(0), at(2)), Attempt(1, "b", "completed", at(2), at(4))],
    effects=[*worked("a", 0, 1.9), *worked("b", 2.1, 3.9)],
    results=[(1, "b")],
)


def test_a_good_history_has_no_findings() -> None:
    assert judge(GOOD) == []


@pytest.mark.parametrize(
    ("change", "fault", "said"),
    [
        ({"jobs": [Job(1, None, None)]}, "lost", "is gone"),
        ({"jobs": [Job(1, "doing", "running")]}, "lost", "still doing"),
        ({"jobs": [Job(1, "failed", "failed")]}, "lost", "failed, not succeeded"),
        ({"results": []}, "lost", "no result"),
        ({"effects": worked("a", 0, 1)}, "lost", "did no work"),
        ({"results": [(1, "b"), (1, "b")]}, "doubled", "2 results"),
        ({"results": [(1, "a")]}, "doubled", "stale token"),
        (
            {"effects": [*worked("a", 0, 3.2 + TOLERANCE), *worked("b", 3.1, 3.9)]},
            "doubled", "twice at a time",
        ),
        (
            {"attempts": [Attempt(1, "a", "lost", at(0), at(3)), GOOD.attempts[1]]},
            "doubled", "leased twice",
        ),
        ({"jobs": [Job(1, "aborted", "cancelled", ("aborted",))]}, "doubled", "but has a result"),
        ({"attempts": [dataclasses.replace(GOOD.attempts[0], verdict=None), GOOD.attempts[1]]}, "untold", "no verdict"),
        ({"jobs": [Job(1, "succeeded", "running")]}, "untold", "succeeded here and running there"),
        ({"leases": [1]}, "untold", "lease"),
        ({"processes": ["process 9"]}, "orphan", "process 9"),
    ],
)  # fmt: skip
def test_each_fault_is_found(change: dict[str, object], fault: str, said: str) -> None:
    history = dataclasses.replace(GOOD, **change)  # type: ignore[arg-type]
    found = judge(history)
    assert any(finding.fault == fault and said in finding.text for finding in found), found


def test_a_pause_short_of_the_tolerance_is_no_fault() -> None:
    short = [*worked("a", 0, 2.1 + TOLERANCE / 2), *worked("b", 2.1, 3.9)]
    assert judge(dataclasses.replace(GOOD, effects=short)) == []
    ((token, seconds),) = overlaps(short)
    assert token == "a"
    assert seconds == pytest.approx(TOLERANCE / 2)


def test_half_a_line_is_read_once_it_is_whole(tmp_path: object) -> None:
    from pathlib import Path

    effects = Effects(Path(str(tmp_path)) / "effects")
    append(str(effects.path), "start", 1, "a")
    with effects.path.open("a") as file:
        file.write('{"at": 1.0, "event": "end", "job": 1,')
    assert [effect.event for effect in effects.read()] == ["start"]
    with effects.path.open("a") as file:
        file.write(' "token": "a", "pid": 3}\n')
    assert [effect.event for effect in effects.read()] == ["start", "end"]
    assert effects.of(1, "end")[0].pid == 3
