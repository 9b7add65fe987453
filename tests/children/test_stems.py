"""Stems as files."""

from pathlib import Path

import numpy as np
import soundfile

from sfa.ports.children.stems import Stems


def test_the_same_work_gives_the_same_bytes_at_any_time(tmp_path: Path) -> None:
    """A float WAV carries the time of its writing; a stem's must not."""
    block = np.full((1000, 2), 0.1, np.float32)
    with Stems(tmp_path, ["bass"], "wav", 44100, 1000) as stems:
        stems.write({"bass": block})
        stems.finish()
    written = (tmp_path / "bass.wav").read_bytes()
    at = written.find(b"PEAK")
    assert at > 0
    assert written[at + 12 : at + 16] == bytes(4)
    assert soundfile.info(tmp_path / "bass.wav").frames == 1000
