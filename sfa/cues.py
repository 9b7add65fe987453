"""Make cue points of an analysis: drops and build-ups as hot cues, where sections begin as memory cues, loops.

Every cue lies on a beat, on the bar line where one is within half a bar's length of the place. Of several within
500 ms the best is kept: hot cues before loops before memory cues, then by confidence. A confidence is how sure the
analysis is of the moment, + 0.15 where a strong onset lies within 100 ms, weighed by how sure it is of its bars, and
always within 0..1. At most 8 hot cues (a controller's pads), 4 loops and 24 memory cues. A track without beats has
no cues. Standard library only; reads the features column, or what is served in its place.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sfa.features import Features, Section

APART_MS: Final = 500
NEAR_ONSET: Final = 0.1
ONSET_BONUS: Final = 0.15
MOST: Final[Mapping[str, int]] = {"hot": 8, "loop_in": 4, "memory": 24}
RANK: Final = ("hot", "loop_in", "memory")
# Safe for colour-blind eyes, and never the only sign: the label says the same.
COLOURS: Final[Mapping[str, str]] = {
    "Drop": "#D55E00",
    "Build-up": "#E69F00",
    "Loop": "#009E73",
    "": "#56B4E9",
}


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue point; ``length_ms`` is a loop's, 0 for the rest."""

    position_ms: int
    cue_type: str
    label: str
    confidence: float
    colour: str
    length_ms: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def find(features: Features, duration_ms: int) -> list[Cue]:
    """Return a track's cues, the most important first."""
    if len(features.beats) < 2:
        return []
    place = _Places(features, duration_ms)
    sure = 0.6 + 0.4 * features.grid.bar_confidence
    found = [
        place.cue(
            "hot",
            "Drop" if moment.kind == "drop" else "Build-up",
            moment.time,
            sure * (0.35 + 0.5 * moment.strength),
        )
        for moment in features.moments
    ]
    found += [
        place.cue("loop_in", f"Loop {loop.bars}", loop.start, sure * 0.8 * loop.score, loop.end)
        for loop in features.loops
    ]
    found += [
        place.cue("memory", label, section.start, sure * weight)
        for section, label, weight in _sections(features.sections)
    ]
    return _thinned([cue for cue in found if cue is not None])


def _sections(sections: Sequence[Section]) -> list[tuple[Section, str, float]]:
    """Each section with what to call its beginning, and how much of a landmark that is."""
    named = []
    for number, section in enumerate(sections):
        if number == 0:
            named.append((section, "Start", 0.7))
            continue
        step = abs(section.energy - sections[number - 1].energy)
        last = number == len(sections) - 1 and section.energy < sections[number - 1].energy
        named.append((section, "Outro" if last else section.label, 0.45 + 0.4 * min(1.0, step)))
    return named


class _Places:
    """Where beats, bars and strong onsets are."""

    def __init__(self, features: Features, duration_ms: int) -> None:
        self.beats, self.onsets = sorted(features.beats), sorted(features.onsets)
        self.bars = sorted(features.bars)
        self.duration_ms = duration_ms
        steps = sorted(b - a for a, b in zip(self.beats, self.beats[1:], strict=False))
        self.reach = features.grid.metre * steps[len(steps) // 2] / 2

    def cue(
        self, kind: str, label: str, seconds: float, confidence: float, end: float | None = None
    ) -> Cue | None:
        """The cue on its beat; None where there is no such place within the track."""
        start = self.snap(seconds)
        length_ms = 0
        if end is not None:
            length_ms = round(1000 * self.snap(end)) - round(1000 * start)
            if length_ms <= 0 or round(1000 * start) + length_ms > self.duration_ms:
                return None
        if round(1000 * start) > self.duration_ms:
            return None
        onset = _nearest(self.onsets, start)
        bonus = ONSET_BONUS if onset is not None and abs(onset - start) <= NEAR_ONSET else 0.0
        sure = round(min(1.0, max(0.0, confidence + bonus)), 4)
        colour = COLOURS[label.split()[0] if label.split()[0] in COLOURS else ""]
        return Cue(round(1000 * start), kind, label, sure, colour, length_ms)

    def snap(self, seconds: float) -> float:
        """The bar line within reach, else the nearest beat."""
        line = _nearest(self.bars, seconds)
        if line is not None and abs(line - seconds) <= self.reach:
            return line
        beat = _nearest(self.beats, seconds)
        return seconds if beat is None else beat


def _nearest(times: Sequence[float], seconds: float) -> float | None:
    after = bisect.bisect(times, seconds)
    around = times[max(0, after - 1) : after + 1]
    return min(around, key=lambda time: abs(time - seconds), default=None)


def _thinned(cues: list[Cue]) -> list[Cue]:
    """The best first, at most so many of a kind, none within half a second of a better one."""
    kept: list[Cue] = []
    counts = dict.fromkeys(RANK, 0)
    for cue in sorted(
        cues, key=lambda cue: (RANK.index(cue.cue_type), -cue.confidence, cue.position_ms)
    ):
        near = any(abs(cue.position_ms - other.position_ms) < APART_MS for other in kept)
        if not near and counts[cue.cue_type] < MOST[cue.cue_type]:
            counts[cue.cue_type] += 1
            kept.append(cue)
    return kept
