"""Find a track's tempo from its onset strength.

The autocorrelation of windows of 12 s is averaged; every tempo of a fine grid is scored by a comb of
four multiples of its lag; peaks are candidates. Each is then laid as a pulse train over the track:
the octave is decided by how strong the pulses are, how even neighbours are (too fast makes them
alternate), how weak the half-way points are (too slow makes them strong), and a broad prior round
120 BPM. Limits: 40 to 240 BPM; a track shorter than 4 s or without onsets has no tempo; above some
165 BPM the half is often preferred (it is then the second candidate that is right).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

SLOWEST, FASTEST = 40.0, 240.0
WINDOW_SECONDS: Final = 12.0
CENTRE, SPREAD = 118.0, 0.75  # BPM, octaves
CANDIDATES: Final = 8
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tempo:
    """A tempo in BPM, how periodic the track is (0..1), the next best candidate."""

    bpm: float
    strength: float
    second: float | None


def prepare(flux: NDArray[np.float32], rate: float) -> Array:
    """Take the slow trend out of the onset strength, smooth it a little and scale it."""
    span = max(3, int(0.8 * rate)) | 1
    if len(flux) < span:
        return np.zeros(len(flux))
    onset = flux.astype(np.float64)
    onset = np.maximum(0, onset - np.convolve(onset, np.ones(span) / span, "same"))
    onset = np.convolve(onset, (0.25, 0.5, 0.25), "same")
    deviation = onset.std()
    return onset / deviation if deviation > 1e-6 else np.zeros(len(flux))


def estimate(onset: Array, rate: float) -> Tempo | None:
    """Return the tempo of a prepared onset strength at ``rate`` frames a second."""
    if len(onset) < 4 * rate or not onset.any():
        return None
    correlation = _correlate(onset, rate)
    bpms = SLOWEST * 2 ** np.arange(0, np.log2(FASTEST / SLOWEST), 0.004)
    lags = 60 * rate / bpms
    multiples = np.arange(1, 5)
    reach = np.interp(lags[:, None] * multiples, np.arange(len(correlation)), correlation, right=0)
    comb = reach @ (1 / multiples)
    inner = comb[1:-1]
    tops = 1 + np.nonzero((inner > comb[:-2]) & (inner >= comb[2:]) & (inner > 0))[0]
    if not len(tops):
        return None
    tops = tops[np.argsort(comb[tops])[::-1]][:CANDIDATES]
    best = comb[tops[0]]
    scored = []
    for top in tops:
        bpm = 60 * rate / _refine(correlation, lags[top])
        score = (
            0.5 * np.log(comb[top] / best + 1e-3) + _pulses(onset, 60 * rate / bpm) + _prior(bpm)
        )
        scored.append((float(score), bpm, float(reach[top, 0])))
    scored.sort(reverse=True)
    _, bpm, strength = scored[0]
    second = scored[1][1] if len(scored) > 1 else None
    return Tempo(float(bpm), float(np.clip(strength, 0, 1)), second)


def _correlate(onset: Array, rate: float) -> Array:
    """Return the mean autocorrelation, 1 at lag 0, unbiased in the lag."""
    size = min(len(onset), int(WINDOW_SECONDS * rate))
    step = max(1, size // 2)
    total = np.zeros(size)
    for start in range(0, len(onset) - size + 1, step):
        window = onset[start : start + size]
        window = window - window.mean()
        spectrum = np.abs(scipy.fft.rfft(window, 2 * size)) ** 2
        total += scipy.fft.irfft(spectrum)[:size] / (1 - np.arange(size) / (size + rate))
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


def _pulses(onset: Array, period: float) -> float:
    """Score a pulse train by its best phase in each window of 16 beats."""
    size = int(16 * period)
    grid = np.arange(16) * period
    phases = np.arange(0, period, 1.0)
    frames = np.arange(len(onset))
    scores = []
    for start in range(0, max(1, len(onset) - size - int(period)), max(1, size)):
        at = start + phases[:, None] + grid[None, :]
        values = np.interp(at, frames, onset, right=0)
        best = int(np.argmax(values.mean(axis=1)))
        on = values[best]
        off = values[(best + len(phases) // 2) % len(phases)].mean()
        even, odd = on[::2].mean(), on[1::2].mean()
        mean = on.mean() + 1e-6
        scores.append((mean, abs(even - odd) / (even + odd + 1e-6), min(1.0, off / mean)))
    strong, uneven, between = np.mean(scores, axis=0)
    # Kick and snare differ and off-beats carry hats: both faults are free up to a point, and the
    # second is bounded, or eighth-note hats would double the tempo of half of all pop music.
    fast = 2.5 * max(0.0, uneven - 0.45)
    slow = min(0.5, 1.5 * max(0.0, between - 0.1))
    return float(0.5 * np.log(strong) - fast - slow)


def _prior(bpm: float) -> float:
    return float(-0.5 * (np.log2(bpm / CENTRE) / SPREAD) ** 2)
