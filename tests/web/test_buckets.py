"""The buckets by a clock that is moved by hand."""

import pytest

from sfa.web.buckets import KEPT, RATES, Limits, TooMany
from sfa.web.limits import kind_of


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_fills() -> None:
    clock = Clock()
    limits = Limits(clock=clock)
    for _ in range(10):
        limits.take("sign_in", "a")
    with pytest.raises(TooMany) as empty:
        limits.take("sign_in", "a")
    assert empty.value.seconds == 30
    limits.take("sign_in", "b")
    limits.take("page", "a")
    clock.now += 29.9
    with pytest.raises(TooMany):
        limits.take("sign_in", "a")
    clock.now += 0.2
    limits.take("sign_in", "a")
    with pytest.raises(TooMany):
        limits.take("sign_in", "a")


def test_the_factor_scales_and_zero_switches_off() -> None:
    clock = Clock()
    doubled = Limits(2, clock=clock)
    for _ in range(20):
        doubled.take("sign_in", "a")
    with pytest.raises(TooMany):
        doubled.take("sign_in", "a")
    none = Limits(0, clock=clock)
    for _ in range(1000):
        none.take("sign_in", "a")


def test_memory_is_bounded() -> None:
    limits = Limits(clock=Clock())
    for number in range(KEPT + 100):
        limits.take("page", str(number))
    assert len(limits._buckets) == KEPT


def test_every_class_of_request_has_a_rate() -> None:
    for method, path, kind in (
        ("GET", "/", "page"),
        ("POST", "/tracks", "upload"),
        ("GET", "/media/stems/x", "media"),
        ("GET", "/api/v1/jobs", "api"),
        ("POST", "/api/v1/tracks", "upload"),
        ("GET", "/metrics", "api"),
    ):
        assert kind_of(method, path) == kind
        assert kind in RATES
