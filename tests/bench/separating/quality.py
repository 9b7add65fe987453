"""How good a separation is: the global signal-to-distortion ratio of each stem, and what can be reached.

SDR = 10 log10(Σ s² / Σ (s − ŝ)²) over all samples and channels (the "global SDR" of the Sound Demixing Challenge 2023). The
ideal-ratio mask knows the stems: each bin of the mix times the stem's share of the power; no mask on this grid does
much better. Baseline: a quarter of the mix as every stem.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.signal
from numpy.typing import NDArray

Samples = NDArray[np.float32]
WINDOW, HOP = 4096, 1024


def sdr(truth: Samples, guess: Samples) -> float:
    """In dB; of a silent truth nothing can be said (NaN)."""
    energy = float(np.sum(truth.astype(np.float64) ** 2))
    if energy < 1e-6:
        return float("nan")
    rest = float(np.sum((truth.astype(np.float64) - guess) ** 2))
    return 10 * float(np.log10(energy / (rest + 1e-12)))


def total_of(stems: Mapping[str, Samples]) -> Samples:
    """The mix."""
    return np.asarray(np.sum(list(stems.values()), axis=0), np.float32)


def ideal(stems: Mapping[str, Samples]) -> dict[str, Samples]:
    """What the ideal-ratio mask makes of the mix."""
    mix = total_of(stems)
    power = {name: np.abs(_forward(stem)) ** 2 for name, stem in stems.items()}
    total = sum(power.values()) + np.float32(1e-12)
    spectrum = _forward(mix)
    return {name: _back(spectrum * part / total, len(mix)) for name, part in power.items()}


def _forward(samples: Samples) -> NDArray[np.complex64]:
    spectrum: NDArray[np.complex64] = scipy.signal.stft(samples.T, nperseg=WINDOW, noverlap=WINDOW - HOP)[2]  # fmt: skip
    return spectrum


def _back(spectrum: NDArray[np.complex64], length: int) -> Samples:
    _, samples = scipy.signal.istft(spectrum, nperseg=WINDOW, noverlap=WINDOW - HOP)
    return np.asarray(samples.T[:length], np.float32)
