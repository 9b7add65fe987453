"""Fourier transforms of real float32 rows, as quick as scipy's and without its import, which takes longer than a short analysis.

NumPy's transforms keep single precision only where the factor they apply is single too: 1/n is, but no factor is a Python 1, and
every row goes through double precision at a fifth of the speed. So both directions are scaled by 1/n; where n is a power of
two, that changes no digit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def forward(rows: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Return the spectra of (…, n) real samples, (…, n // 2 + 1), divided by n."""
    # The stubs know double precision only.
    spectra: Any = np.fft.rfft(rows, norm="forward")
    single: NDArray[np.complex64] = spectra
    return single


def back(spectra: NDArray[np.complex64], n: int) -> NDArray[np.float32]:
    """Return the (…, n) samples of spectra that `forward` made and the caller multiplied by n; what it did not, n times too small."""
    rows: Any = np.fft.irfft(spectra, n, norm="backward")
    single: NDArray[np.float32] = rows
    return single
