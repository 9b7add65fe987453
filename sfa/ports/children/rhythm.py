"""Put tempo, beats and bars together: what a track's grid is, and how sure that is.

The confidence of a tempo joins how sure the choice among candidates is, how periodic the track is, and how well the
pulses fit a constant grid (a drifting one counts by its fit).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfa.features import MAX_MARKS, Grid
from sfa.ports.child import Call
from sfa.ports.children import bars, beats, key, tempo
from sfa.ports.children.levels import floats, share

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rhythm:
    """Tempo (BPM) with its confidence, beats, bar lines and strongest onsets in seconds."""

    tempo: float
    confidence: float
    beats: Array
    lines: Array
    onsets: Array
    grid: Grid

    def features(self) -> dict[str, Any]:
        """Return the schema's fields."""
        return {
            "beats": floats(self.beats, 4),
            "bars": floats(self.lines, 4),
            "onsets": floats(self.onsets, 4),
            "grid": self.grid,
        }


def find(
    flux: NDArray[np.float32],
    rate: float,
    chroma: NDArray[np.float32],
    span: tuple[float, float],
    call: Call,
) -> Rhythm | None:
    """Return the rhythm of (frames, bands) of flux, within a span of tempi; None where there is no tempo."""
    onsets = tempo.prepare(flux, rate)
    guess = tempo.estimate(onsets, *span)
    if guess is None:
        return None
    call.progress(85, "beats")
    grid = beats.track(onsets, guess.bpm)
    bar = bars.find(onsets, grid.beats, chroma, key.RATE / key.HOP)
    return Rhythm(
        tempo=round(float(np.clip(grid.bpm, 20, 400)), 3),
        confidence=share(_confidence(guess, grid)),
        beats=grid.beats,
        lines=grid.beats[bar.first :: bar.metre],
        onsets=_strongest(onsets),
        grid=Grid(
            steady=grid.steady,
            residual_ms=round(1000 * grid.residual, 2),
            metre=bar.metre,
            bar_confidence=share(bar.confidence),
            others=tuple((round(bpm, 2), share(part)) for bpm, part in guess.others),
        ),
    )


def _confidence(guess: tempo.Tempo, grid: beats.Grid) -> float:
    # A range that was asked for may hold a tempo at which the track itself has no period.
    periodic = min(1.0, max(0.02, guess.strength / 0.5))
    return float(
        (guess.confidence * periodic * (1.0 if grid.steady else max(0.3, grid.fit))) ** (1 / 2)
    )


def _strongest(onsets: tempo.Onsets) -> Array:
    """Return when the strongest onsets are, at most as many as the schema takes."""
    onset = onsets.total
    inner = onset[1:-1]
    tops = 1 + np.nonzero((inner > onset[:-2]) & (inner >= onset[2:]) & (inner > 1.5))[0]
    kept = np.sort(tops[np.argsort(onset[tops])[::-1][:MAX_MARKS]])
    times: Array = kept / onsets.rate + beats.LATENCY_SECONDS
    return times
