"""Find a track's tempo from its onset strength.

The autocorrelation of windows of 16 s is averaged; every tempo of a fine grid is scored by a comb of
four multiples of its lag; the peaks, their doubles, halves and thirds are the candidates. Which one
is felt as the beat is a linear model's say (conditional logit, after Schreiber and Müller 2017),
trained on rendered music by tests/bench/hearing/train.py: how periodic the track is, and its bass,
middle and treble apart, at that lag and at its fractions and multiples; how strong, even and hollow
a pulse train of that period is; and how fast it is. The probability of the winner is the confidence.
Limits: 40 to 240 BPM, or the range that is asked for; a track shorter than 4 s, without onsets or
without a period has no tempo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sfa.ports.children.tempo_model import SPREADS, WEIGHTS

SLOWEST, FASTEST = 40.0, 240.0
WINDOW_SECONDS: Final = 16.0
CANDIDATES: Final = 8
RELATIVES: Final = (1.0, 2.0, 0.5, 3.0, 1 / 3, 1.5, 2 / 3)
# Candidates this near (octaves) to a better one are the same.
SAME: Final = 0.03
# A correlation at the lag below this is chance: noise and held tones reach some 0.05.
LEAST: Final = 0.09
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Onsets:
    """Onset strength at ``rate`` frames a second: all bands together, and each of four apart."""

    total: Array
    bands: Array
    rate: float


@dataclass(frozen=True)
class Tempo:
    """A tempo in BPM, its probability (0..1), how periodic the track is, and the next best tempi."""

    bpm: float
    confidence: float
    strength: float
    others: tuple[tuple[float, float], ...]


def prepare(flux: NDArray[np.float32], rate: float) -> Onsets:
    """Take the slow trend out of (frames, bands) of flux, smooth it a little and scale it."""
    bands = flux.astype(np.float64)
    return Onsets(
        _prepare(bands.sum(axis=1), rate), np.stack([_prepare(b, rate) for b in bands.T]), rate
    )


def _prepare(flux: Array, rate: float) -> Array:
    span = max(3, int(0.8 * rate)) | 1
    if len(flux) < span:
        return np.zeros(len(flux))
    onset = np.maximum(0, flux - np.convolve(flux, np.ones(span) / span, "same"))
    onset = np.convolve(onset, (0.25, 0.5, 0.25), "same")
    deviation = onset.std()
    return onset / deviation if deviation > 1e-6 else np.zeros(len(flux))


def estimate(onsets: Onsets, slowest: float = SLOWEST, fastest: float = FASTEST) -> Tempo | None:
    """Return the tempo within a range; None where there is none."""
    if len(onsets.total) < 4 * onsets.rate or not onsets.total.any():
        return None
    bpms, rows, strengths = candidates(onsets, slowest, fastest)
    if not len(bpms):
        return None
    # Whether there is any period at all: a range that was asked for may hold its double only.
    asked = (slowest, fastest) != (SLOWEST, FASTEST)
    if (candidates(onsets)[2] if asked else strengths).max(initial=0) < LEAST:
        return None
    scores = rows @ np.array(WEIGHTS)
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    order = np.argsort(shares)[::-1]
    best = int(order[0])
    others = tuple((float(bpms[n]), float(shares[n])) for n in order[1:4] if shares[n] > 0.005)
    return Tempo(float(bpms[best]), float(shares[best]), float(strengths[best]), others)


def candidates(
    onsets: Onsets, slowest: float = SLOWEST, fastest: float = FASTEST
) -> tuple[Array, Array, Array]:
    """Return the tempi worth a thought, a row of features each, and how periodic the track is there."""
    rate = onsets.rate
    total = correlate(onsets.total, rate)
    low, high = correlate(onsets.bands[0], rate), correlate(onsets.bands[3], rate)
    middle = correlate(onsets.bands[1] + onsets.bands[2], rate)
    grid = SLOWEST / 2 * 2 ** np.arange(0, np.log2(2 * FASTEST / SLOWEST) + 1, 0.004)
    lags = 60 * rate / grid
    multiples = np.arange(1, 5)
    comb = _at(total, lags[:, None] * multiples) @ (1 / multiples)
    inner = comb[1:-1]
    tops = 1 + np.nonzero((inner > comb[:-2]) & (inner >= comb[2:]) & (inner > 0))[0]
    tops = tops[np.argsort(comb[tops])[::-1]][:CANDIDATES]
    refined = [60 * rate / _refine(total, lags[top]) for top in tops]
    found: list[float] = []
    for relative in RELATIVES:
        for bpm in refined:
            new = bpm * relative
            known = any(abs(np.log2(new / old)) < SAME for old in found)
            if slowest <= new <= fastest and not known:
                found.append(new)
    if not found:
        return np.zeros(0), np.zeros((0, len(WEIGHTS))), np.zeros(0)
    bpms = np.array(found)
    lag = 60 * rate / bpms
    ratios = np.array([1 / 4, 1 / 3, 1 / 2, 2 / 3, 1, 3 / 2, 2, 3, 4, 6, 8, 12, 16])
    few = np.array([1 / 2, 1, 2, 3, 4, 8])
    octave = np.log2(bpms / 120)
    columns = [_at(total, lag[:, None] * ratios)]
    columns += [_at(part, lag[:, None] * few) for part in (low, middle, high)]
    trains = (onsets.total, onsets.bands[0], onsets.bands[2])
    columns.append(np.stack([_pulses(trains, 60 * rate / bpm) for bpm in bpms]))
    bars = np.maximum(_at(total, 3 * lag), _at(total, 4 * lag))
    phrases = np.maximum(_at(total, 6 * lag), _at(total, 8 * lag))
    columns.append(np.stack([bars, phrases, np.minimum(bars, phrases)], axis=1))
    columns.append(np.stack([octave, octave**2, np.abs(octave) ** 3], axis=1))
    rows = np.concatenate(columns, axis=1)
    return bpms, (rows - rows.mean(axis=0)) / np.array(SPREADS), _at(total, lag)


def _at(correlation: Array, lags: Array) -> Array:
    values: Array = np.interp(lags, np.arange(len(correlation)), correlation, right=0)
    return values


def correlate(onset: Array, rate: float) -> Array:
    """Return the mean autocorrelation of windows, 1 at lag 0, unbiased in the lag."""
    size = min(len(onset), int(WINDOW_SECONDS * rate))
    step = max(1, size // 2)
    total = np.zeros(size)
    for start in range(0, len(onset) - size + 1, step):
        window = onset[start : start + size]
        window = window - window.mean()
        spectrum = np.abs(np.fft.rfft(window, 2 * size)) ** 2
        total += np.fft.irfft(spectrum)[:size] / (1 - np.arange(size) / (size + rate))
    correlation: Array = total / max(total[0], 1e-9)
    return correlation


def _refine(correlation: Array, lag: float) -> float:
    """Interpolate the lag at the farthest multiple that still has a peak: errors shrink with it."""
    refined = lag
    for multiple in (1, 2, 4, 8):
        centre = round(refined * multiple)
        reach = max(2, round(0.02 * centre))
        if centre + reach + 1 >= len(correlation):
            break
        place = centre - reach + int(np.argmax(correlation[centre - reach : centre + reach + 1]))
        if place < 1:
            break
        left, mid, right = correlation[place - 1 : place + 2]
        bend = left - 2 * mid + right
        if bend >= 0 or mid < 0.05:
            break
        refined = (place + 0.5 * (left - right) / bend) / multiple
    return float(refined)


def _pulses(onsets: Sequence[Array], period: float) -> Array:
    """Lay a pulse train by its best phase over each window of 16 beats: how strong, how uneven
    neighbours are (too fast makes them alternate), how strong half-way points are (too slow), and
    how uneven the halves of a bar are; these four of each of several onsets, one after the other."""
    frames = np.arange(len(onsets[0]))
    size = int(16 * period)
    grid = np.arange(16) * period
    phases = np.arange(0, period, 1.0)
    starts = np.arange(0, max(1, len(frames) - size - int(period)), max(1, size))
    at = starts[:, None, None] + phases[:, None] + grid
    values = np.stack([np.interp(at, frames, onset, right=0) for onset in onsets])
    best = values.mean(axis=3).argmax(axis=2)
    train, row = np.arange(len(onsets))[:, None], np.arange(len(starts))
    on = values[train, row, best]
    off = values[train, row, (best + len(phases) // 2) % len(phases)].mean(axis=2)
    even, odd = on[:, :, ::2].mean(axis=2), on[:, :, 1::2].mean(axis=2)
    first, third = on[:, :, ::4].mean(axis=2), on[:, :, 2::4].mean(axis=2)
    mean = on.mean(axis=2) + 1e-3
    each = (
        np.log(mean),
        np.abs(even - odd) / (even + odd + 1e-3),
        np.minimum(1.5, off / mean),
        np.abs(first - third) / (first + third + 1e-3),
    )
    told: Array = np.stack(each, axis=1).mean(axis=2).ravel()
    return told
