"""Score analyses against their truth with mir_eval.

Acc1: the tempo is within 4 %. Acc2: or its double, triple, half or third is. Beat F: ±70 ms, the first five seconds
left out, as mir_eval does. Key: MIREX weights (1 right, .5 a fifth off, .3 relative, .2 parallel). Boundaries: F within
3 s and within half a second, track ends left out. Grid: median distance of the true beats from the found ones, in
milliseconds, over steady pieces whose tempo is right; tempo error likewise, in BPM.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import mir_eval
import numpy as np

Answer = Mapping[str, Any]
OCTAVES: Final = (1, 2, 3, 1 / 2, 1 / 3)
MEASURES: Final = (
    "acc1", "acc2", "tempo_error", "beat_f", "downbeat_f", "grid_ms", "key", "key_exact", "sections_3s", "sections_05s",
)  # fmt: skip


UNITS: Final = {"tempo_error": "BPM", "grid_ms": "ms"}


def score(truth: Answer, found: Answer) -> dict[str, float]:
    """Every measure that truth and answer allow."""
    scores: dict[str, float] = {}
    right = False
    if truth.get("tempo"):
        tempo = found.get("tempo") or 0.0
        right = abs(tempo / truth["tempo"] - 1) <= 0.04
        scores["acc1"] = float(right)
        scores["acc2"] = float(any(abs(tempo / (truth["tempo"] * k) - 1) <= 0.04 for k in OCTAVES))
        if right and truth.get("steady"):
            scores["tempo_error"] = abs(tempo - truth["tempo"])
    if truth.get("beats"):
        scores["beat_f"] = _beats(truth["beats"], found.get("beats") or [])
        if right and truth.get("steady") and found.get("beats"):
            scores["grid_ms"] = 1000 * _distance(truth["beats"], found["beats"])
    if truth.get("downbeats") and "downbeats" in found:
        scores["downbeat_f"] = _beats(truth["downbeats"], found["downbeats"])
    if truth.get("key") and "key" in found and found["key"] != "":
        name = found["key"]
        scores["key"] = float(mir_eval.key.weighted_score(truth["key"], name)) if name else 0.0
        scores["key_exact"] = float(name == truth["key"])
    if truth.get("sections") and "sections" in found:
        for label, window in (("sections_3s", 3.0), ("sections_05s", 0.5)):
            scores[label] = _boundaries(truth, found, window)
    return scores


def summary(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each measure over the pieces that have it (the median for errors)."""
    table = list(rows)
    result = {}
    for name in MEASURES:
        values = [row[name] for row in table if name in row and math.isfinite(row[name])]
        if values:
            middle = np.median if name in ("grid_ms", "tempo_error") else np.mean
            result[name] = float(middle(values))
    return result


def _beats(truth: list[float], found: list[float]) -> float:
    trim = mir_eval.beat.trim_beats
    reference, estimate = trim(np.array(truth)), trim(np.array(found, dtype=float))
    return float(mir_eval.beat.f_measure(reference, estimate)) if len(estimate) else 0.0


def _distance(truth: list[float], found: list[float]) -> float:
    reference, estimate = np.array(truth), np.array(found)
    inner = reference[(reference >= estimate[0] - 0.1) & (reference <= estimate[-1] + 0.1)]
    if not len(inner):
        return math.inf
    return float(np.median(np.abs(inner[:, None] - estimate[None, :]).min(axis=1)))


def _boundaries(truth: Answer, found: Answer, window: float) -> float:
    end = truth["end"]
    edges = [
        sorted({0.0, *(min(start, end) for start, *_ in side), end})
        for side in (truth["sections"], found["sections"])
    ]
    inner = [len(side) > 2 for side in edges]
    if not all(inner):
        # Nothing to find, or nothing found: mir_eval only warns of it.
        return float(not any(inner))
    spans = [np.array(list(itertools.pairwise(side))) for side in edges]
    return float(mir_eval.segment.detection(*spans, window=window, trim=True)[2])
