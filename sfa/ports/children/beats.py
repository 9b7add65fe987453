"""Place beats: dynamic programming for which onsets, a robust line for exactly when.

Beats follow strong onsets while keeping the period (Ellis 2007); each is moved to its onset's
interpolated top, and a line through (number, time) is fitted with outliers weighed down. Where the
residual is small the tempo is constant: period and phase come from the line and the beats are its
grid; otherwise the tracked beats stand and the tempo is their median. Limit: no downbeats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

TIGHTNESS: Final = 100.0
# A grid that is off by more than this share of a period does not describe the track.
STEADY: Final = 0.06
# The flux of a sharp onset tops this long before the onset itself (measured on rendered clicks).
LATENCY_SECONDS: Final = 0.007
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Beats in seconds, their tempo, the share of beats that fit a constant grid."""

    beats: Array
    bpm: float
    steady: bool
    fit: float


def track(onset: Array, rate: float, bpm: float) -> Grid:
    """Return the beats of a prepared onset strength at ``rate`` frames a second."""
    period = 60 * rate / bpm
    places = _interpolate(onset, _follow(onset, period))
    if len(places) < 4:
        return Grid(places / rate, bpm, False, 0.0)
    number = np.cumsum(np.concatenate([[0], np.maximum(1, np.rint(np.diff(places) / period))]))
    slope, start, weight = _line(number, places, period)
    residual = np.abs(places - start - slope * number) / slope
    fit = float(np.mean(residual < 2 * STEADY))
    spread = float(np.sqrt(np.average(residual**2, weights=weight)))
    if spread > STEADY or fit < 0.6:
        steps = np.diff(places) / np.diff(number)
        return Grid(places / rate, 60 * rate / float(np.median(steps)), False, fit)
    first = start / rate + LATENCY_SECONDS
    length = slope / rate
    # The grid covers what the tracker skipped at the ends, where music was.
    loud = np.nonzero(onset > 0.5)[0] / rate
    begin = int(np.ceil((loud[0] - first) / length - 0.25))
    end = int(np.floor((loud[-1] - first) / length + 0.25))
    beats = first + length * np.arange(begin, end + 1)
    return Grid(beats[beats > -0.02].clip(0), 60 / length, True, fit)


def _follow(onset: Array, period: float) -> NDArray[np.int64]:
    reach = np.arange(-round(2 * period), -round(period / 2) + 1)
    cost = -TIGHTNESS * np.log(-reach / period) ** 2
    scale = onset.std() or 1.0
    local = onset / scale
    total = local.copy()
    back = np.full(len(onset), -1)
    for now in range(len(onset)):
        skip = max(0, -(now + int(reach[0])))
        if skip >= len(reach):
            continue
        options = total[now + reach[skip] : now + reach[-1] + 1] + cost[skip:]
        best = int(options.argmax())
        # A beat before the first onset is worth nothing, so the chain may begin anywhere.
        if options[best] > 0:
            total[now] = local[now] + options[best]
            back[now] = now + reach[skip + best]
    tail = max(0, len(onset) - round(period) - 1)
    chain = [tail + int(np.argmax(total[tail:]))]
    while back[chain[-1]] >= 0:
        chain.append(int(back[chain[-1]]))
    return np.array(chain[::-1])


def _interpolate(onset: Array, places: NDArray[np.int64]) -> Array:
    """Move each beat to the top of a parabola through its onset, if there is one within 2 frames."""
    moved = []
    for place in places:
        low, high = max(1, place - 2), min(len(onset) - 1, place + 3)
        top = low + int(np.argmax(onset[low:high])) if high > low else int(place)
        if not 1 <= top < len(onset) - 1:
            moved.append(float(place))
            continue
        left, mid, right = onset[top - 1 : top + 2]
        bend = left - 2 * mid + right
        moved.append(top + 0.5 * (left - right) / bend if bend < -1e-9 else float(place))
    return np.maximum.accumulate(np.array(moved))


def _line(number: Array, places: Array, period: float) -> tuple[float, float, Array]:
    """Fit by iterated re-weighting (Tukey's biweight), so that stray beats lose their say."""
    weight = np.ones(len(number))
    slope, start = period, float(places[0])
    for step in range(12):
        centre_n, centre_p = np.average(number, weights=weight), np.average(places, weights=weight)
        spread = np.sum(weight * (number - centre_n) ** 2)
        if spread < 1e-9:
            break
        slope = float(np.sum(weight * (number - centre_n) * (places - centre_p)) / spread)
        start = float(centre_p - slope * centre_n)
        error = np.abs(places - start - slope * number)
        scale = max(6 * float(np.median(error)), 0.25, period * 0.3 * 0.6**step)
        weight = np.clip(1 - (error / scale) ** 2, 1e-6, 1) ** 2
    return slope, start, weight
