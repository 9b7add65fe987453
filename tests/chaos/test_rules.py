"""The rules of single parts: each break is found in a history that has it, and none in one that has not."""

from __future__ import annotations

import pytest

from sfa.chaos.effects import Effect
from sfa.chaos.rules import Lease, impatient, out_of_line, overdrawn, overworked, past_the_breaker


def took(job: int, amount: float, at: float = 0) -> Lease:
    return Lease(at, job, True, {"slot": amount} if amount else {})


def gave(job: int, amount: float, at: float = 0) -> Lease:
    return Lease(at, job, False, {"slot": amount} if amount else {})


def worked(job: int, begun: float, last: float) -> list[Effect]:
    token = f"{job}-{begun}"
    return [Effect(begun, "start", job, token, 7), Effect(last, "end", job, token, 7)]


@pytest.mark.parametrize(
    ("journal", "said"),
    [
        ([took(1, 2), gave(1, 2), took(2, 3), gave(2, 3)], []),
        ([took(1, 2), took(2, 2), gave(1, 2), gave(2, 2)], ["job 2 brought slot to 4 of 3"]),
        ([took(1, 1), gave(1, 2)], ["job 1 gave back more slot than was held"]),
        ([took(1, 1)], ["1 of slot never came back"]),
    ],
)
def test_tokens_are_counted_by_the_journal(journal: list[Lease], said: list[str]) -> None:
    assert overdrawn(journal, {"slot": 3}) == said


def test_tokens_are_counted_by_what_children_did() -> None:
    effects = [*worked(1, 0, 4), *worked(2, 1, 3), *worked(3, 2.5, 6), *worked(9, 0, 9)]
    assert overworked(effects, {1: 1, 2: 1, 3: 1}, 2) == pytest.approx(0.5)
    assert overworked(effects, {1: 1, 2: 1, 3: 1}, 3) == 0


def test_nobody_begins_before_what_it_follows_has_completed() -> None:
    effects = [*worked(1, 0, 2), *worked(2, 3, 4)]
    assert out_of_line(effects, [(2, 1)], {1, 2}) == []
    assert out_of_line(effects, [(1, 2)], {1, 2}) == ["job 1 began before job 2 had ended"]
    assert out_of_line(effects, [(2, 1)], {2}) == [
        "job 2 ran although job 1 before it has not completed"
    ]
    assert out_of_line(worked(1, 0, 2), [(2, 1)], set()) == []


def test_the_breaker_lets_nobody_past() -> None:
    states = [(10.0, "open"), (20.0, "half_open"), (30.0, "closed")]
    trial = [
        took(2, 0, 20.1),
        gave(2, 0, 25),
        took(3, 0, 26),
        gave(3, 0, 29),
        took(4, 0, 31),
        took(5, 0, 31),
    ]
    assert past_the_breaker([took(1, 0, 10.1), *trial], states) == []
    assert past_the_breaker([took(1, 0, 15), *trial], states) == [
        "job 1 was claimed 5.0 s after the breaker had opened"
    ]
    assert (
        past_the_breaker([took(6, 0, 21), *trial], states)[0] == "jobs [2, 6] were tried at a time"
    )


def test_who_goes_first_goes_first() -> None:
    effects = [*worked(1, 0, 1), *worked(2, 2, 3), *worked(1, 4, 5), *worked(3, 6, 7)]
    assert impatient(effects, {1: 5, 2: 0, 3: 0}, {1, 2, 3}) == []
    assert impatient(effects, {1: 0, 2: 5, 3: 0}, {1, 2, 3}) == [
        "job 1 began before [2], which go first"
    ]
