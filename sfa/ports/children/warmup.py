"""Touch what the analyzer uses before its first request: plans, filters, lazily loaded code."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import soundfile

from sfa.ports.child import Call
from sfa.ports.children import analysis
from sfa.ports.children.audio import Track
from sfa.ports.protocol import Request


def analyzer() -> None:
    """Analyse five seconds of clicks."""
    rate = 44100
    # As good as noise; NumPy's own generators would have to be imported.
    noise = np.sin(np.arange(5 * rate) ** 2.0).astype(np.float32)
    noise *= np.exp(-(np.arange(5 * rate) % (rate // 2)) / 2000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clicks.wav"
        soundfile.write(path, 0.1 * noise, rate)
        with Track(path) as track:
            analysis.measure(track, Call(Request("0", "warm"), lambda _: None))
