"""Render and write what the tests of the children read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from sfa.features import Analysis
from sfa.ports import protocol
from sfa.ports.child import Call
from sfa.ports.children import analysis, instruments
from sfa.ports.children.audio import Track
from sfa.ports.children.score import RATE, Score

Samples = NDArray[np.float32]


def call(args: dict[str, Any] | None = None, frames: list[Any] | None = None) -> Call:
    """Return a call that keeps the frames it sends."""
    send: Callable[[Any], None] = frames.append if frames is not None else lambda _: None
    return Call(protocol.Request("1", "test", args or {}), send)


def mix(score: Score) -> Samples:
    """Render a score to its mix."""
    total: Samples = np.sum(list(instruments.render(score).values()), axis=0)
    return total


def write(path: Path, samples: Samples, rate: int = RATE) -> Path:
    """Write a float wav."""
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


def measure(path: Path) -> Analysis:
    """Analyse a file in this process."""
    with Track(path) as track:
        return analysis.measure(track, call())


def silence(seconds: float, rate: int = 44100) -> Samples:
    """Nothing, in stereo."""
    return np.zeros((int(seconds * rate), 2), np.float32)
