"""Say what the synth renders: a score is a handful of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RATE: Final = 44100
STEMS: Final = ("vocals", "drums", "bass", "other")


@dataclass(frozen=True)
class Score:
    """What to render; ``tonic`` counts semitones from C, ``detune`` is in cents."""

    seconds: float = 24.0
    bpm: float = 120.0
    tonic: int = 9
    minor: bool = True
    seed: int = 1
    detune: float = 0.0
