"""Measure programme loudness and true peak as ITU-R BS.1770-4 defines them, block by block.

Loudness: K-weighting (a shelf and a high-pass, recomputed for every sample rate), mean square of
400 ms blocks every 100 ms, channels weighed (surrounds +1.5 dB, LFE left out), gates at -70 LUFS and
10 LU below the mean of what passes; in LUFS. True peak: samples and, between them, the values of a
4 times oversampled signal (2 times from 96 kHz, none from 192 kHz) by 12-tap windowed sinc; only
where a sample is loud enough for its surroundings to hold a new peak. None for silence, and for less
than 400 ms. Limit: the order of channels is taken to be WAV's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sfa.ports.children import fourier
from sfa.ports.children.levels import SILENCE, Planes

HOP_SECONDS: Final = 0.1
ABSOLUTE, RELATIVE = -70.0, -10.0
TAPS: Final = 12
RUN: Final = 64
PIECES: Final = 4
# Gains of power by channel, for five channels and more: surrounds count 1.41, LFE nothing.
_GAINS: Final[dict[int, tuple[float, ...]]] = {
    5: (1, 1, 1, 1.41, 1.41),
    6: (1, 1, 1, 0, 1.41, 1.41),
    7: (1, 1, 1, 0, 1.41, 1.41, 1.41),
    8: (1, 1, 1, 0, 1.41, 1.41, 1.41, 1.41),
}
Array = NDArray[np.float32]


class Loudness:
    """Feed (frames, channels) blocks in order; keeps ten numbers a second."""

    def __init__(self, rate: int, channels: int) -> None:
        self._filter = Weighting(rate, channels)
        self._gains = [np.float32(gain) for gain in _GAINS.get(channels, (1,) * channels)]
        self._hop = max(1, round(HOP_SECONDS * rate))
        self._powers: list[NDArray[np.float64]] = []
        self._rest = np.zeros(0, np.float32)
        factor = 4 if rate < 96_000 else 2 if rate < 192_000 else 1
        self._phases = _phases(factor)
        self._runs = _along(self._phases)
        self._bound = float(np.abs(self._phases).sum(axis=0).max(initial=1.0))
        self._tail = np.zeros((channels, TAPS), np.float32)
        self.peak = 0.0

    def feed(self, block: Array) -> None:
        """Take the next block of (frames, channels)."""
        if len(block):
            self.take(Planes.of(block))

    def take(self, block: Planes) -> None:
        """Take the next block, turned already; it may not be empty."""
        for weighted in self._filter.feed(block.samples):
            self._take(weighted)
        self._peaks(block)

    @property
    def integrated(self) -> float | None:
        """The loudness in LUFS; asked once, at the end."""
        for weighted in self._filter.finish():
            self._take(weighted)
        steps = np.concatenate(self._powers) if self._powers else np.zeros(0)
        if len(steps) < 4:
            return None
        blocks = np.convolve(steps, np.ones(4) / 4, "valid")
        loud = blocks[blocks > 10 ** ((ABSOLUTE + 0.691) / 10)]
        if not len(loud):
            return None
        loud = loud[loud > loud.mean() * 10 ** (RELATIVE / 10)]
        return round(-0.691 + 10 * math.log10(float(loud.mean())), 2)

    @property
    def true_peak_db(self) -> float | None:
        """The true peak in dBTP."""
        return round(20 * math.log10(self.peak), 2) if self.peak > SILENCE else None

    def _take(self, weighted: Array) -> None:
        """Keep the mean power of every hop of (channels, pieces, frames)."""
        # In single precision: a hop is short enough for the sum of its pairs to be as good.
        power = np.zeros(weighted.shape[1:], np.float32)
        for gain, channel in zip(self._gains, weighted, strict=True):
            if gain:
                square = channel * channel
                power += square if gain == 1 else gain * square
        power = np.concatenate([self._rest, power.ravel()])
        whole = len(power) // self._hop * self._hop
        means = power[:whole].reshape(-1, self._hop).mean(axis=1)
        self._powers.append(means.astype(np.float64))
        self._rest = power[whole:]

    def _peaks(self, block: Planes) -> None:
        sizes = np.maximum(block.high, -block.low)
        self.peak = max(self.peak, float(sizes.max()))
        seam = np.concatenate([self._tail, block.samples[:, :TAPS]], axis=1)
        self._tail = np.concatenate([self._tail, block.samples[:, -TAPS:]], axis=1)[:, -TAPS:]
        if not self._phases.size:
            return
        count = max(0, len(sizes) - TAPS) // RUN
        if count:
            self._between(block.samples, sizes, count)
        # What lies across two blocks, and what is left over: shorter than a run.
        for part in (seam, block.samples[:, count * RUN :]):
            if part.shape[1] >= TAPS:
                few = np.lib.stride_tricks.sliding_window_view(part, TAPS, axis=1)
                self.peak = max(self.peak, float(np.abs(few @ self._phases).max()))

    def _between(self, samples: Array, sizes: Array, count: int) -> None:
        """Oversample the runs that can hold a new peak in any channel, the loudest first."""
        rows = sizes[: count * RUN].reshape(count, RUN)
        runs = rows.max(axis=1)
        after = np.empty_like(runs)
        after[:-1] = rows[1:, :TAPS].max(axis=1)
        after[-1] = sizes[count * RUN :][:TAPS].max(initial=0)
        highest = np.maximum(runs, after)
        reaches = np.lib.stride_tricks.sliding_window_view(samples, RUN + TAPS - 1, axis=1)
        able = np.flatnonzero(highest * self._bound > self.peak)
        order = able[np.argsort(highest[able])[::-1]]
        for start in range(0, len(order), 64):
            some = order[start : start + 64]
            if highest[some[0]] * self._bound <= self.peak:
                return
            self.peak = max(self.peak, float(np.abs(reaches[:, some * RUN] @ self._runs).max()))


class Weighting:
    """K-weighting of a stream by overlapping transforms: what scipy.signal would take longer to import than to do.

    A twelfth of a second overlaps: the filter's answer has fallen by more than 120 dB by then. Several pieces go
    through one call, whose transforms then share the processor's vector unit.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._overlap = -(-rate // 12)
        self._size = 1 << (4 * self._overlap - 1).bit_length()
        turn = np.exp(-2j * np.pi * np.arange(self._size // 2 + 1) / self._size)
        response = np.ones(len(turn), complex)
        for b0, b1, b2, _, a1, a2 in weighting(rate):
            response *= (b0 + turn * (b1 + turn * b2)) / (1 + turn * (a1 + turn * a2))
        # As `fourier.back` wants it.
        self._response = (response * self._size).astype(np.complex64)
        self._past = np.zeros((channels, self._overlap), np.float32)

    def feed(self, planes: Array) -> Iterator[Array]:
        """Take (channels, frames); yield (channels, pieces, frames) of what is weighted by now."""
        self._past = np.concatenate([self._past, planes], axis=1)
        step = self._size - self._overlap
        count = (self._past.shape[1] - self._overlap) // step
        if count > 0:
            whole = np.lib.stride_tricks.sliding_window_view(self._past, self._size, axis=1)
            pieces = whole[:, ::step]
            for start in range(0, count, PIECES):
                yield self._weigh(pieces[:, start : start + PIECES])
        self._past = self._past[:, count * step :]

    def finish(self) -> Iterator[Array]:
        """Yield the rest, once."""
        left = self._past.shape[1] - self._overlap
        if left > 0:
            whole = np.pad(self._past, ((0, 0), (0, self._size - self._past.shape[1])))
            yield self._weigh(whole[:, None])[:, :, :left]
            self._past = self._past[:, left:]

    def _weigh(self, pieces: Array) -> Array:
        """Weigh (channels, pieces, size); what is left of each is without its overlap."""
        spectrum = fourier.forward(pieces)
        spectrum *= self._response
        weighted = fourier.back(spectrum, self._size)
        whole: Array = weighted[:, :, self._overlap :]
        return whole


def weighting(rate: int) -> NDArray[np.float64]:
    """Return K-weighting's two second-order sections for a sample rate.

    Rows are b0, b1, b2, 1, a1, a2. The analogue prototypes behind the standard's 48 kHz table, transformed anew.
    """
    k, q = math.tan(math.pi * min(1681.974450955533, 0.45 * rate) / rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    mid = high**0.4996667741545416
    scale = 1 + k / q + k * k
    shelf = [(high + mid * k / q + k * k), 2 * (k * k - high), (high - mid * k / q + k * k), scale]
    shelf += [2 * (k * k - 1), 1 - k / q + k * k]
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    scale_high = 1 + k / q + k * k
    passes = [
        scale_high,
        -2 * scale_high,
        scale_high,
        scale_high,
        2 * (k * k - 1),
        1 - k / q + k * k,
    ]
    return np.array([[v / scale for v in shelf], [v / scale_high for v in passes]])


def _phases(factor: int) -> Array:
    """Return the interpolating filters between two samples, a column a phase."""
    offsets: list[Any] = []
    for phase in range(1, factor):
        place = np.arange(TAPS) - (TAPS / 2 - 1) - phase / factor
        taps = (
            np.sinc(place)
            * np.kaiser(4 * TAPS + 1, 5.0)[np.rint(4 * (place + TAPS / 2)).astype(int)]
        )
        offsets.append(taps / taps.sum())
    return np.array(offsets, np.float32).T if offsets else np.zeros((0, 0), np.float32)


def _along(phases: Array) -> Array:
    """Return the filters at every sample of a run, as one (samples, phases of each) matrix: one product a run."""
    matrix = np.zeros((RUN + TAPS - 1, RUN, phases.shape[1] if phases.size else 0), np.float32)
    for place in range(RUN) if phases.size else ():
        matrix[place : place + TAPS, place] = phases
    return matrix.reshape(len(matrix), -1)
