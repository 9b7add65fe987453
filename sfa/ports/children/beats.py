"""Place beats: dynamic programming for which pulses, a taught choice of on or off the beat, a robust line for when.

Half-beats follow strong onsets while keeping the period (Ellis 2007): at that level a strong off-beat
can't make the chain change sides. Each is moved to its onset's interpolated top, and a line through
(number, time) is fitted with outliers weighed down (Tukey's biweight). Where the residual is small the
tempo is constant: period and phase come from the line and the beats are its grid; otherwise the
tracked pulses stand and the tempo is their median. Which pulses are the beats, a linear model says
from the four bands' strength on each side. Limit: a change of tempo within the track is drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sfa.ports.children.tempo import Onsets
from sfa.ports.children.tempo_model import SIDES

TIGHTNESS: Final = 100.0
# A grid that is off by more than this share of a period does not describe the track.
STEADY: Final = 0.06
# The flux of an onset tops this long before the onset itself (measured on rendered clicks).
LATENCY_SECONDS: Final = 0.003
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Beats in seconds, their tempo, whether it is constant, the share of pulses that fit, residual.

    ``residual`` is the spread of the pulses round the constant grid in seconds, also where the grid
    was refused for it; ``first`` is a constant grid's beat nearest to 0.
    """

    beats: Array
    bpm: float
    steady: bool
    fit: float
    residual: float
    strength: Array


def track(onsets: Onsets, bpm: float) -> Grid:
    """Return the beats of onsets at about ``bpm``."""
    rate, onset = onsets.rate, onsets.total
    half = 30 * rate / bpm
    places = _interpolate(onset, _follow(onset, half))
    if len(places) < 8:
        none = np.zeros(0)
        return Grid(none, bpm, False, 0.0, 0.0, none)
    number = np.cumsum(np.concatenate([[0], np.maximum(1, np.rint(np.diff(places) / half))]))
    slope, start, weight = _line(number, places, half)
    error = np.abs(places - start - slope * number) / (2 * slope)
    fit = float(np.mean(error < STEADY))
    spread = float(np.sqrt(np.average(error**2, weights=weight)))
    steady = spread <= STEADY / 1.5 and fit >= 0.55
    if steady:
        # The grid covers what the tracker skipped at the ends, where music was.
        loud = np.nonzero(onset > 0.5)[0]
        begin = int(np.ceil((loud[0] - start) / slope - 0.5))
        end = int(np.floor((loud[-1] - start) / slope + 0.5))
        pulses: Array = start + slope * np.arange(begin, end + 1, dtype=np.float64)
        tempo = 30 * rate / slope
    else:
        pulses = np.interp(np.arange(number[-1] + 1), number, places)
        tempo = 30 * rate / median(np.diff(pulses))
    side = _side(onsets, pulses)
    beats = pulses[side::2]
    strong = _strength(onset, beats)
    seconds = beats / rate + LATENCY_SECONDS
    kept = seconds > -0.02
    return Grid(seconds[kept].clip(0), tempo, steady, fit, spread * 60 / tempo, strong[kept])


def sides(onsets: Onsets, pulses: Array) -> Array:
    """Return the features of the even pulses less those of the odd ones."""
    rows = np.stack([_strength(band, pulses) for band in (onsets.total, *onsets.bands)])
    scale = rows.mean(axis=1, keepdims=True) + 1e-3
    both = []
    for side in (0, 1):
        mine = rows[:, side::2]
        mean = mine.mean(axis=1) / scale[:, 0]
        # Every second and every fourth of them, where it is strongest: a bar begins on a beat.
        second = np.max([mine[:, n::2].mean(axis=1) for n in range(2)], axis=0) / scale[:, 0]
        fourth = np.max([mine[:, n::4].mean(axis=1) for n in range(4)], axis=0) / scale[:, 0]
        both.append(np.concatenate([mean, second, fourth]))
    difference: Array = both[0] - both[1]
    return difference


def _side(onsets: Onsets, pulses: Array) -> int:
    if len(pulses) < 16:
        total = _strength(onsets.total, pulses)
        return int(total[1::2].mean() > total[::2].mean()) if len(pulses) > 1 else 0
    return int(sides(onsets, pulses) @ np.array(SIDES) < 0)


def _strength(onset: Array, places: Array) -> Array:
    """Return the highest value within a frame of each place."""
    nearest = np.rint(places).astype(int)
    around = np.stack([onset[(nearest + k).clip(0, len(onset) - 1)] for k in (-1, 0, 1)])
    highest: Array = around.max(axis=0)
    return highest


def _follow(onset: Array, period: float) -> NDArray[np.int64]:
    reach = np.arange(-round(2 * period), -max(1, round(period / 2)) + 1)
    cost = -TIGHTNESS * np.log(-reach / period) ** 2
    local = onset / (onset.std() or 1.0)
    total = local.copy()
    back = np.full(len(onset), -1)
    width, farthest, nearest = len(reach), int(reach[0]), int(reach[-1]) + 1
    for now in range(-nearest + 1, len(onset)):
        skip = max(0, -(now + farthest))
        if skip >= width:
            continue
        options = total[now + farthest + skip : now + nearest] + cost[skip:]
        best = int(options.argmax())
        # A beat before the first onset is worth nothing, so the chain may begin anywhere.
        if options[best] > 0:
            total[now] = local[now] + options[best]
            back[now] = now + farthest + skip + best
    tail = max(0, len(onset) - round(period) - 1)
    chain = [tail + int(np.argmax(total[tail:]))]
    while back[chain[-1]] >= 0:
        chain.append(int(back[chain[-1]]))
    return np.array(chain[::-1])


def _interpolate(onset: Array, places: NDArray[np.int64]) -> Array:
    """Move each pulse to the top of a parabola through its onset, if there is one within 2 frames."""
    if len(onset) < 5:
        return places.astype(np.float64)
    near = places[:, None] + np.arange(-2, 3)
    values = onset[near.clip(0, len(onset) - 1)]
    top = (places + values.argmax(axis=1) - 2).clip(1, len(onset) - 2)
    left, mid, right = onset[top - 1], onset[top], onset[top + 1]
    bend = left - 2 * mid + right
    good = (bend < -1e-9) & (mid >= left) & (mid >= right)
    moved = np.where(good, top + 0.5 * (left - right) / np.where(good, bend, 1), places)
    return np.maximum.accumulate(moved)


def _line(number: Array, places: Array, period: float) -> tuple[float, float, Array]:
    """Fit by iterated re-weighting (Tukey's biweight), so that stray pulses lose their say."""
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
        scale = max(6 * median(error), 0.25, period * 0.6 * 0.6**step)
        weight = np.clip(1 - (error / scale) ** 2, 1e-6, 1) ** 2
    return slope, start, weight


def median(values: Array) -> float:
    """Return the median; NumPy's own imports the masked arrays, a tenth of a child's start, to look for NaN."""
    ordered = np.sort(values)
    half = len(ordered) // 2
    return float(ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2)
