"""Turn a stream of mono samples into frame features, one short-time Fourier transform for all.

22,050 Hz, Hann window 2048, hop 512, frames centred, as librosa's defaults: RMS, zero crossing
rate, centroid, bandwidth, 85 % roll-off (of magnitudes), contrast (7 octave bands, Jiang 2002),
flatness, 13 MFCC (Slaney mel, 128 bands, 80 dB below the loudest) and, for tempo, the half-wave
rectified flux of the log-mel spectrum in four bands, against the highest of three neighbouring
bands of the frame before, which passes over vibrato (Böck and Widmer 2013).
It keeps some 170 numbers a frame (15 kB a second of audio), never the samples.
Limit: nothing above 11 kHz is seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sfa.features import MFCC
from sfa.ports.children import fourier

RATE: Final = 22050
WINDOW: Final = 2048
HOP: Final = 512
BANDS: Final = 128
ROLLOFF: Final = 0.85
FRAME_SECONDS: Final = HOP / RATE
GAMMA: Final = 100.0
# First mel bands of the flux's four bands: to 200 Hz, to 800 Hz, to 3.2 kHz, to the top.
FLUX_EDGES: Final = (0, 8, 32, 82)
FEW: Final = 96  # frames at a time
GROUP: Final = 32  # groups of bins
CONTRAST: Final = 7  # octave bands from 200 Hz up, and what lies below
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Frames:
    """The features of every frame; mfcc is (frames, 13), contrast (frames, 7), flux (frames, 4)."""

    rms: Array
    zcr: Array
    centroid: Array
    bandwidth: Array
    rolloff: Array
    flatness: Array
    contrast: Array
    mfcc: Array
    flux: Array

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self.rms)


class Spectrum:
    """Feed mono samples at 22,050 Hz, then call ``finish`` once."""

    def __init__(self) -> None:
        self._window = np.hanning(WINDOW + 1)[:-1].astype(np.float32) * np.float32(WINDOW)
        self._mel = _patches()
        self._bins = np.fft.rfftfreq(WINDOW, 1 / RATE).astype(np.float32)
        self._rest = np.zeros(WINDOW // 2, np.float32)
        self._powers = np.stack([self._bins, self._bins**2], axis=1) / np.array(
            [RATE / 2, (RATE / 2) ** 2], np.float32
        )
        self._last: Array | None = None
        self._rows: dict[str, list[Array]] = {}
        self._samples = 0

    def feed(self, samples: Array) -> None:
        """Take the next samples."""
        self._samples += len(samples)
        self._take(np.concatenate([self._rest, samples]))

    def finish(self) -> Frames:
        """Take the end and return all frames."""
        self._take(np.concatenate([self._rest, np.zeros(WINDOW // 2, np.float32)]))
        rows = {name: np.concatenate(parts) for name, parts in self._rows.items()}
        count = 1 + self._samples // HOP
        names = ("rms", "zcr", "centroid", "bandwidth", "rolloff", "flatness", "flux")
        flat = {name: rows[name][:count].astype(np.float32) for name in names}
        contrast = _contrast(rows["peak"][:count], rows["valley"][:count])
        return Frames(**flat, contrast=contrast, mfcc=_cepstrum(rows["mel"][:count]))

    def _take(self, samples: Array) -> None:
        count = max(0, (len(samples) - WINDOW) // HOP + 1)
        self._rest = samples[count * HOP :]
        # As many at a time as the processor's cache holds.
        for start in range(0, count, FEW):
            some = min(FEW, count - start)
            part = samples[start * HOP : (start + some - 1) * HOP + WINDOW]
            for name, row in (*_of_samples(part).items(), *self._features(part).items()):
                self._rows.setdefault(name, []).append(row)

    def _features(self, samples: Array) -> dict[str, Any]:
        """Return what the spectra of the frames of so many samples say."""
        frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
        spectrum = fourier.forward(frames * self._window)
        power = spectrum.real**2 + spectrum.imag**2
        magnitude = np.sqrt(power)
        total = magnitude.sum(axis=1)
        mel = np.zeros((len(power), BANDS), np.float32)
        for bins, bands, filters in self._mel:
            mel[:, bands] += power[:, bins] @ filters
        decibels = 10 * np.log10(np.maximum(mel, 1e-10))
        # The flux wants weak noise quiet: a floor inside of the logarithm.
        loud = np.log1p(GAMMA * mel)
        before = np.concatenate([loud[:1] if self._last is None else self._last, loud[:-1]])
        self._last = loud[-1:]
        wide = before.copy()
        np.maximum(wide[:, 1:], before[:, :-1], out=wide[:, 1:])
        np.maximum(wide[:, :-1], before[:, 1:], out=wide[:, :-1])
        rise = np.maximum(loud - wide, 0)
        edge = _edge(magnitude, ROLLOFF * total)
        moments = magnitude @ self._powers / np.maximum(total, 1e-12)[:, None]
        spread = np.sqrt(np.maximum(moments[:, 1] - moments[:, 0] ** 2, 0))
        safe = np.maximum(power, np.float32(1e-10))
        peak, valley = _extremes(magnitude)
        return {
            "centroid": moments[:, 0] * (RATE / 2),
            "bandwidth": spread * (RATE / 2),
            "flatness": np.minimum(np.exp(np.log(safe).mean(axis=1)) / safe.mean(axis=1), 1),
            "peak": peak,
            "valley": valley,
            "rolloff": self._bins[np.minimum(edge, len(self._bins) - 1)] * (total > 0),
            "mel": decibels.astype(np.float16),
            "flux": np.add.reduceat(rise, FLUX_EDGES, axis=1) / BANDS,
        }


def _of_samples(samples: Array) -> dict[str, Any]:
    """Return RMS and zero crossing rate of the frames: each sample is looked at once, not in four frames."""
    # Crossings as librosa counts them: zero is positive, tiny values are zero.
    negative = samples < np.float32(-1e-10)
    crossings = np.cumsum(np.concatenate([[False], negative[1:] != negative[:-1]]), dtype=np.int32)
    squares = np.square(samples).reshape(-1, HOP).sum(axis=1)
    power = np.lib.stride_tricks.sliding_window_view(squares, WINDOW // HOP).sum(axis=1)
    return {
        "rms": np.sqrt(power / WINDOW),
        "zcr": (crossings[WINDOW - 1 :: HOP] - crossings[: len(samples) - WINDOW + 1 : HOP])
        / WINDOW,
    }


def _edge(magnitude: Array, limit: Array) -> NDArray[np.intp]:
    """Return how many bins of each row add up to less than its limit: by groups, then within the one that crosses it."""
    rows = np.arange(len(magnitude))
    groups = magnitude[:, :-1].reshape(len(magnitude), GROUP, -1)
    sums = np.cumsum(groups.sum(axis=2), axis=1)
    crossed = (sums < limit[:, None]).sum(axis=1)
    within = np.minimum(crossed, GROUP - 1)
    before = np.where(within > 0, sums[rows, within - 1], 0)
    fine = before[:, None] + np.cumsum(groups[rows, within], axis=1)
    size = groups.shape[2]
    edge: NDArray[np.intp] = np.where(
        crossed < GROUP, within * size + (fine < limit[:, None]).sum(axis=1), GROUP * size
    )
    return edge


def _extremes(magnitude: Array) -> tuple[Array, Array]:
    """Return the mean of the top and bottom 2 % of bins in each octave, as decibels."""
    peaks, valleys = [], []
    for low, high, few in octaves():
        part = np.sort(magnitude[:, low:high], axis=1)
        peaks.append(part[:, -few:].mean(axis=1))
        valleys.append(part[:, :few].mean(axis=1))
    both = 10 * np.log10(np.maximum(np.stack([peaks, valleys]), np.float32(1e-10)))
    return both[0].T, both[1].T


@cache
def octaves() -> tuple[tuple[int, int, int], ...]:
    """Return first bin, end and size of the extremes of each contrast band, as librosa counts."""
    step, bands = RATE / WINDOW, []
    for number in range(CONTRAST):
        low = 0 if number == 0 else math.ceil(100 * 2**number / step) - 1
        high = min(math.floor(200 * 2**number / step), WINDOW // 2)
        last = number == CONTRAST - 1
        bands.append((low, high + last, max(1, round(0.02 * (high - low + 1)))))
    return tuple(bands)


def _contrast(peak: Array, valley: Array) -> Array:
    if not len(peak):
        return np.zeros((0, CONTRAST), np.float32)
    difference: Array = np.maximum(peak, peak.max() - 80) - np.maximum(valley, valley.max() - 80)
    return difference


def mel_filters() -> Array:
    """Return Slaney's triangular filters, each of unit area, as (bins, bands)."""
    top = _to_mel(np.array([RATE / 2]))[0]
    edges = _to_hertz(np.linspace(0.0, top, BANDS + 2))
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)
    slopes = edges[:, None] - bins[None, :]
    width = np.diff(edges)[:, None]
    rising, falling = -slopes[:-2] / width[:-1], slopes[2:] / width[1:]
    filters = np.maximum(0, np.minimum(rising, falling))
    filters *= (2 / (edges[2:] - edges[:-2]))[:, None]
    return np.ascontiguousarray(filters.T, np.float32)


@cache
def _patches() -> list[tuple[slice, slice, Array]]:
    """Return the parts of the filters' (bins, bands) that are not zero, roughly: bins, bands, filters."""
    filters, found = mel_filters(), []
    for low, high in ((0, 64), (64, 128), (128, 256), (256, 512), (512, WINDOW // 2 + 1)):
        bands = np.flatnonzero(filters[low:high].any(axis=0))
        few = slice(int(bands[0]), int(bands[-1]) + 1)
        found.append((slice(low, high), few, np.ascontiguousarray(filters[low:high, few])))
    return found


def _to_mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = hertz * 3 / 200
    return np.where(
        hertz < 1000, linear, 15 + 27 * np.log(np.maximum(hertz, 1) / 1000) / np.log(6.4)
    )


def _to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def _cepstrum(decibels: NDArray[Any]) -> Array:
    if not len(decibels):
        return np.zeros((0, MFCC), np.float32)
    floor = np.float32(decibels.max()) - 80
    parts = []
    for start in range(0, len(decibels), 4096):
        part = np.maximum(decibels[start : start + 4096].astype(np.float32), floor)
        parts.append(part @ _cosines())
    return np.concatenate(parts)


@cache
def _cosines() -> Array:
    """Return the first columns of the orthonormal DCT-II, (bands, MFCC)."""
    turns = np.outer(np.arange(BANDS) + 0.5, np.arange(MFCC)) * np.pi / BANDS
    cosines = np.cos(turns) * np.sqrt(2 / BANDS)
    cosines[:, 0] = np.sqrt(1 / BANDS)
    columns: Array = cosines.astype(np.float32)
    return columns
