"""Take so many requests and no more: a bucket for each class of request and each user, token or address.

A bucket holds `burst` requests and fills by `per_minute`; an empty one answers 429 with Retry-After. Who has a session
or a token is counted as that user, everybody else by address (IPv6 by its /64 network). ``rate_limit`` of the
configuration scales the numbers; 0 switches them off.

    class      burst  a minute
    sign_in       10         2   passwords that were tried, an address, and an account
    mail           3       0.2   mails that somebody asked for: an address, and an account
    stranger      60       120   anything else without a session
    upload       200        20
    api          240       600   requests to /api and /metrics
    page         400      1200   pages and streams
    media        600      2400   pieces of audio

Limits: the buckets are in the memory of this one process: a restart fills them. The 20,000 last used are kept.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from sfa.errors import SfaError

KEPT = 20_000


class TooMany(SfaError):
    """That was too much at once. Try again later."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"That was too much at once. Try again in {max(1, seconds)} s.")
        self.seconds = max(1, seconds)


@dataclass(frozen=True, slots=True)
class Rate:
    """How many at once, and how fast they come back."""

    burst: float
    per_minute: float


RATES = {
    "sign_in": Rate(10, 2),
    "mail": Rate(3, 0.2),
    "stranger": Rate(60, 120),
    "upload": Rate(200, 20),
    "api": Rate(240, 600),
    "page": Rate(400, 1200),
    "media": Rate(600, 2400),
}


class Limits:
    """The buckets.

    Options:
        factor: multiple of the rates; 0: no limits.
        clock: seconds, from anywhere, that only grow.
    """

    def __init__(self, factor: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._factor = factor
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, kind: str, who: str) -> None:
        """Count one request; raises `TooMany` with the seconds to wait."""
        if not self._factor:
            return
        rate = RATES[kind]
        burst, per_second = max(1.0, rate.burst * self._factor), rate.per_minute * self._factor / 60
        now = self._clock()
        left, then = self._buckets.pop((kind, who), (burst, now))
        left = min(burst, left + (now - then) * per_second)
        spent = left < 1
        self._buckets[kind, who] = (left if spent else left - 1, now)
        if len(self._buckets) > KEPT:
            self._buckets.popitem(last=False)
        if spent:
            raise TooMany(math.ceil((1 - left) / per_second))
