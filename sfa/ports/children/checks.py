"""Check a separation as it passes: what the stems lack of the mix, clipping, silence, leakage.

- residual: energy of the mix minus the sum of the stems over that of the mix, in dB; None where not all were made.
- clipped: samples of a stem beyond full scale, which every form but 32-bit float cuts.
- silent: a stem that stays below −60 dB of full scale (RMS) holds nothing to hear.
- leakage: how much of a stem's energy the other parts of the mix explain, in dB: the square of the multiple
  correlation, at no lag, over the whole track. −10 dB and above is worth a look. Limits: parts that truly sound alike
  (a doubled bass line) count as leakage, what leaks with a delay or another phase does not.
State is a few numbers, kept with each checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sfa.ports.children.audio import Block

SILENT_DB: Final = -60.0
Real = NDArray[np.float64]


class Checks:
    """Sums over all blocks of some stems; ``complete`` says that they are all that the mix is made of."""

    def __init__(self, names: list[str], complete: bool) -> None:
        self.names = names
        self.complete = complete
        # The last row is the mix, or for less than all stems what they leave of it.
        self._products: Real = np.zeros((len(names) + 1, len(names) + 1))
        self._clipped: Real = np.zeros(len(names))
        self._energies: Real = np.zeros(3)  # of the mix, of the rest, values

    def feed(self, mix: Block, stems: Mapping[str, Block]) -> None:
        """Take the next (frames, 2) of the mix and of every stem."""
        parts = [stems[name].astype(np.float64).ravel() for name in self.names]
        whole = mix.astype(np.float64).ravel()
        rest = whole - sum(parts)
        rows = np.stack([*parts, rest])
        self._products += rows @ rows.T
        self._clipped += [np.count_nonzero(np.abs(part) > 1) for part in parts]
        self._energies += np.array([whole @ whole, rest @ rest, whole.size])

    @property
    def state(self) -> dict[str, Real]:
        """What to keep with a checkpoint."""
        return {
            "checks.products": self._products,
            "checks.clipped": self._clipped,
            "checks.energies": self._energies,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``."""
        self._products = state["checks.products"].copy()
        self._clipped = state["checks.clipped"].copy()
        self._energies = state["checks.energies"].copy()

    @property
    def residual_db(self) -> float | None:
        """At least −200; None for a silent mix, or where stems are missing."""
        mix, rest, _ = self._energies
        if not self.complete or mix <= 1e-12:
            return None
        return round(10 * math.log10(max(rest / mix, 1e-20)), 2)

    def of(self, name: str) -> dict[str, Any]:
        """The findings on one stem."""
        index = self.names.index(name)
        energy, values = self._products[index, index], max(1.0, self._energies[2])
        level = 10 * math.log10(max(energy / values, 1e-20))
        return {
            "clipped": int(self._clipped[index]),
            "silent": level < SILENT_DB,
            "leakage_db": self._leakage(index) if level >= SILENT_DB else None,
        }

    def _leakage(self, index: int) -> float | None:
        products = self._products
        count = len(products) - (
            1 if self.complete else 0
        )  # all stems together leave only rounding
        others = [i for i in range(count) if i != index and products[i, i] > 1e-9]
        if not others:
            return None
        cross = products[np.ix_(others, [index])][:, 0]
        inner = products[np.ix_(others, others)]
        weights = np.linalg.lstsq(inner, cross, rcond=1e-9)[0]
        share = float(cross @ weights) / float(products[index, index])
        return round(10 * math.log10(min(1.0, max(share, 1e-10))), 1)
