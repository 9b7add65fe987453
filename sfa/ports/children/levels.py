"""Measure a stream of blocks as it passes: waveform peaks, level, peak level.

Feed it every block once, in order; it keeps a few sums and two rows of columns, never the audio.
The number of frames must be known before, so that columns are of equal length; where fewer come,
the last columns stay flat. Levels are dB relative to full scale, None for digital silence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

COLUMNS: Final = 1000
# Below this no 24-bit converter has anything to say.
SILENCE: Final = 1e-7
SHORT: Final = 1 << 14  # samples whose squares are summed in single precision


@dataclass(frozen=True, slots=True)
class Planes:
    """A block channel by channel, (channels, frames), and the extremes over its channels, (frames,).

    Along channels that lie side by side numpy is several times slower, so a block is turned once for all who look at it.
    """

    samples: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @classmethod
    def of(cls, block: NDArray[np.float32]) -> Self:
        """Turn a block of (frames, channels)."""
        samples = np.ascontiguousarray(block.T)
        low = high = samples[0]
        for channel in samples[1:]:
            low, high = np.minimum(low, channel), np.maximum(high, channel)
        return cls(samples, low, high)


class Meter:
    """Peaks and levels of (frames, channels) blocks; peaks are the extremes over all channels."""

    def __init__(self, frames: int, columns: int = COLUMNS) -> None:
        self.columns = max(1, min(columns, frames))
        self.total = max(frames, 1)
        self.seen = 0
        self.peak = 0.0
        self.squares = 0.0
        self.values = 0
        self._low: NDArray[np.float32] = np.zeros(self.columns, np.float32)
        self._high: NDArray[np.float32] = np.zeros(self.columns, np.float32)

    def feed(self, block: NDArray[np.float32]) -> None:
        """Take the next block of (frames, channels)."""
        if len(block):
            self.take(Planes.of(block))

    def take(self, block: Planes) -> None:
        """Take the next block, turned already; it may not be empty."""
        low, high = block.low, block.high
        self.peak = max(self.peak, float(high.max()), -float(low.min()))
        flat = block.samples.ravel()
        # Short sums in single precision (pairs of them would add up as exactly), long ones in double.
        self.squares += sum(
            float(part @ part) for part in np.array_split(flat, -(-len(flat) // SHORT))
        )
        self.values += len(flat)
        first = min(self.seen * self.columns // self.total, self.columns - 1)
        last = min((self.seen + len(low) - 1) * self.columns // self.total, self.columns - 1)
        columns = np.arange(first, last + 1)
        # The first frame of a column c is the least n with n * columns // total == c.
        starts = -(-columns * self.total // self.columns) - self.seen
        starts = np.clip(starts, 0, len(low) - 1)
        here = slice(first, last + 1)
        self._low[here] = np.minimum(self._low[here], np.minimum.reduceat(low, starts))
        self._high[here] = np.maximum(self._high[here], np.maximum.reduceat(high, starts))
        self.seen += len(low)

    @property
    def rms(self) -> float:
        """Root of the mean square over all channels."""
        return math.sqrt(self.squares / self.values) if self.values else 0.0

    @property
    def rms_db(self) -> float | None:
        """The level, None for silence."""
        return decibels(self.rms)

    @property
    def peak_db(self) -> float | None:
        """The highest sample, None for silence."""
        return decibels(self.peak)

    def peaks(self) -> dict[str, Any]:
        """Return the waveform as whole numbers within -127..127; louder than full scale is cut."""
        rows = {"min": self._low, "max": self._high}
        return {
            name: np.clip(np.rint(row * 127), -127, 127).astype(int).tolist()
            for name, row in rows.items()
        }

    def extremes(self) -> tuple[bytes, bytes]:
        """Return the waveform as bytes, lowest and highest of each column: 128 is zero, 1 and 255 full scale."""
        low, high = (
            (np.clip(np.rint(row * 127), -127, 127) + 128).astype(np.uint8)
            for row in (self._low, self._high)
        )
        return low.tobytes(), high.tobytes()


def decibels(value: float) -> float | None:
    """Return 20·log10, None below the silence threshold."""
    return round(20 * math.log10(value), 3) if value > SILENCE else None


def share(value: float, digits: int = 4) -> float:
    """Return a value within 0..1, rounded."""
    return round(min(1.0, max(0.0, value)), digits)


def floats(row: NDArray[Any], digits: int) -> tuple[float, ...]:
    """Return a row as rounded floats; adding zero turns -0.0 into 0.0."""
    return tuple((np.round(row.astype(np.float64), digits) + 0.0).tolist())
