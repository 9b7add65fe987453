"""Find where bars begin: three or four beats long, and on which beat the first one is.

Each of seven hypotheses (3 and 4 beats, every place of the first) is described by how strong the
total, the four bands and the change of harmony are on each of its places, and judged by a linear
model (conditional logit) trained on rendered music by tests/bench/hearing/train.py. Limits: one
metre for the whole track; 2/4 and 6/8 are read as two bars to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sfa.ports.children.beats import median
from sfa.ports.children.tempo import Onsets
from sfa.ports.children.tempo_model import BARS

METRES: Final = (3, 4)
HYPOTHESES: Final = tuple((metre, first) for metre in METRES for first in range(metre))
SIGNALS: Final = 6
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bars:
    """Beats a bar, the index of the first beat that begins one, the probability (0..1)."""

    metre: int
    first: int
    confidence: float


def find(onsets: Onsets, beats: Array, chroma: NDArray[np.float32], chroma_rate: float) -> Bars:
    """Return the bars of beats (seconds)."""
    if len(beats) < 12:
        return Bars(4, 0, 0.0)
    scores = features(onsets, beats, chroma, chroma_rate) @ np.array(BARS)
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    best = int(shares.argmax())
    metre, first = HYPOTHESES[best]
    return Bars(metre, first, float(shares[best]))


def features(
    onsets: Onsets, beats: Array, chroma: NDArray[np.float32], chroma_rate: float
) -> Array:
    """Return a row a hypothesis: each signal's mean on each place of the bar, and a constant a metre."""
    nearest = np.rint(beats * onsets.rate).astype(int)
    rows = []
    for onset in (onsets.total, *onsets.bands):
        around = [onset[(nearest + k).clip(0, len(onset) - 1)] for k in (-2, -1, 0, 1)]
        rows.append(np.max(around, axis=0))
    rows.append(_harmony(beats, chroma, chroma_rate))
    table = np.stack(rows)
    table = (table - table.mean(axis=1, keepdims=True)) / (table.std(axis=1, keepdims=True) + 1e-6)
    lines = np.zeros((len(HYPOTHESES), sum(metre * SIGNALS for metre in METRES) + 1))
    for line, (metre, first) in zip(lines, HYPOTHESES, strict=True):
        places = [table[:, (first + place) % metre :: metre].mean(axis=1) for place in range(metre)]
        start = 0 if metre == METRES[0] else METRES[0] * SIGNALS
        line[start : start + metre * SIGNALS] = np.concatenate(places)
        line[-1] = float(metre == METRES[0])
    return lines


def _harmony(beats: Array, chroma: NDArray[np.float32], rate: float) -> Array:
    """Return how much the chroma after each beat differs from that before it."""
    reach = 0.75 * median(np.diff(beats))
    frames = np.arange(len(chroma)) / rate

    def at(times: Array) -> Array:
        values = np.stack([np.interp(times, frames, row) for row in chroma.T], axis=1)
        unit: Array = values / (np.linalg.norm(values, axis=1, keepdims=True) + 1e-6)
        return unit

    change: Array = 1 - np.sum(at(beats - reach) * at(beats + reach), axis=1)
    return change
