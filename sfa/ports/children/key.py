"""Find the key of a stream of samples, and its chroma over time.

11,025 Hz, window 8192: spectral peaks with parabolic interpolation become pitches; the tuning is the
circular mean of their distances from equal temperament; the tuned chroma is correlated with 24 key
profiles (Albrecht and Shanahan 2013). A peak counts less the higher it lies: what is low is a note that
was played, what is high mostly an overtone, whose pitch is another's (tried on the training split: the
weighting is worth more than any choice of profile). The confidence joins the best correlation and its
margin over the second key. The same correlations name a section's key. ``changes`` is the chroma with all peaks
alike, which tells chords apart better than keys. Limits: one key for the whole track; tuning is only known
within ±50 cents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sfa.features import PITCHES
from sfa.ports.children import fourier

RATE: Final = 11025
WINDOW: Final = 8192
HOP: Final = 2048
LOWEST, HIGHEST = 55.0, 2200.0
FINE: Final = 10  # bins a semitone
# Peaks this much below a frame's highest are taken for noise.
RANGE: Final = 10 ** (-45 / 20)
# A peak's share in the chroma: its magnitude to this power, less by this power of its frequency.
LOUDNESS, SLOPE = 0.75, 0.5
MAJOR: Final = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
MINOR: Final = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Key:
    """A key with its runner-up; tuning in cents from A = 440 Hz; chroma and changes are (frames, 12), 0..1."""

    name: str | None
    confidence: float
    second: str | None
    margin: float
    tuning: float
    chroma: Array
    mean: Array
    changes: Array


class Pitches:
    """Feed mono samples at 11,025 Hz, then call ``finish`` once."""

    def __init__(self) -> None:
        self._window = np.blackman(WINDOW).astype(np.float32) * np.float32(WINDOW)
        self._rest = np.zeros(WINDOW // 2, np.float32)
        # Fine bins of every frame, twice: as keys are told, and as chords are.
        self._rows: list[tuple[Array, Array]] = []
        self._turn = 0j

    def feed(self, samples: Array) -> None:
        """Take the next samples."""
        samples = np.concatenate([self._rest, samples])
        count = max(0, (len(samples) - WINDOW) // HOP + 1)
        self._rest = samples[count * HOP :]
        if count:
            frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP][:count]
            self._rows.append(self._histograms(frames))

    def finish(self) -> Key:
        """Take the end and name the key."""
        self.feed(np.zeros(WINDOW // 2, np.float32))
        tuning = float(np.angle(self._turn) / (2 * np.pi)) if self._turn else 0.0
        chroma, changes = (self._folded(side, tuning) for side in (0, 1))
        sounding = chroma.max(axis=1) > 0.5
        if not sounding.any():
            return Key(None, 0.0, None, 0.0, 0.0, chroma, np.zeros(12, np.float32), changes)
        # Loud frames say more, but not all: the root keeps a chorus from being all there is.
        loud = np.sqrt(np.concatenate([row[0].sum(axis=1) for row in self._rows])[sounding])
        mean = np.average(chroma[sounding], axis=0, weights=loud)
        names, scores = rank(mean)
        margin = float(scores[0] - scores[1])
        confidence = float(np.clip(scores[0], 0, 1) * (1 - np.exp(-margin / 0.08)))
        return Key(
            names[0], confidence, names[1], margin, 100 * tuning, chroma, mean / mean.max(), changes
        )

    def _folded(self, side: int, tuning: float) -> Array:
        """Return twelve pitch classes a frame, the strongest 1."""
        rows = [row[side] for row in self._rows] or [np.zeros((1, 12 * FINE), np.float32)]
        chroma: Array = np.concatenate(rows) @ _folding(tuning)
        chroma /= np.maximum(chroma.max(axis=1, keepdims=True), 1e-9)
        return chroma

    def _histograms(self, frames: Array) -> tuple[Array, Array]:
        magnitude = np.abs(fourier.forward(frames * self._window))
        low, high = int(LOWEST * WINDOW / RATE), int(HIGHEST * WINDOW / RATE)
        here, before, after = (magnitude[:, low + k : high + k] for k in (0, -1, 1))
        least = np.maximum(here.max(axis=1, keepdims=True) * RANGE, 1e-4)
        frame, place = np.nonzero((here > before) & (here >= after) & (here > least))
        peak = here[frame, place]
        left, mid, right = (np.log(x[frame, place] + 1e-12) for x in (before, here, after))
        offset = 0.5 * (left - right) / np.minimum(left - 2 * mid + right, -1e-9)
        pitch = 69 + 12 * np.log2((place + low + offset) * RATE / WINDOW / 440)
        weight = np.sqrt(peak)
        self._turn += complex(np.sum(weight * np.exp(2j * np.pi * pitch)))
        column = np.rint(pitch * FINE).astype(int) % (12 * FINE)
        shape = (len(frames), 12 * FINE)
        low_first = peak**LOUDNESS * ((place + low + offset) / low) ** -SLOPE
        flat, alike = (
            np.bincount(frame * shape[1] + column, each, shape[0] * shape[1])
            for each in (low_first, weight)
        )
        return flat.reshape(shape).astype(np.float32), alike.reshape(shape).astype(np.float32)


def rank(chroma: Array) -> tuple[list[str], Array]:
    """Return the 24 keys, best first, with their correlations."""
    apart = chroma + _JITTER
    apart = apart - apart.mean()
    scores = _PROFILES @ apart / np.sqrt(apart @ apart)
    order = np.argsort(scores)[::-1]
    return [_NAMES[index] for index in order], scores[order].astype(np.float32)


def _standard(profile: tuple[float, ...]) -> Array:
    """Return the profile with mean 0 and length 1: a correlation is then one product."""
    apart = np.asarray(profile, np.float64) - np.mean(profile)
    standard: Array = apart / np.sqrt(apart @ apart)
    return standard


# A chroma without any variance has no correlation; this gives it one near zero.
_JITTER: Final = 1e-9 * np.arange(12)
_NAMES: Final = [f"{pitch} {mode}" for mode in ("major", "minor") for pitch in PITCHES]
_PROFILES: Final = np.stack(
    [np.roll(_standard(profile), root) for profile in (MAJOR, MINOR) for root in range(12)]
)


def _folding(tuning: float) -> Array:
    """Return the matrix that sums fine bins into 12 pitch classes, each weighed by nearness."""
    centres = np.arange(12) + tuning
    distance = np.arange(12 * FINE)[:, None] / FINE - centres[None, :]
    distance = np.abs((distance + 6) % 12 - 6)
    near: Array = np.where(distance < 0.5, np.cos(np.pi * distance) ** 2, 0).astype(np.float32)
    return near
