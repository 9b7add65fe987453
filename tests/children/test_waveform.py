"""The waveform to zoom into: each column the extremes of its hundredth of a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sfa.ports.child import InputError
from sfa.ports.children import waveform
from tests.children import music


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_each_column_holds_its_extremes(tmp_path: Path, rate: int, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(waveform, "BLOCK", 7001)
    samples = np.random.default_rng(1).uniform(-0.9, 0.9, (3 * rate + 17, 2)).astype(np.float32)
    samples[rate : rate + rate // 100] = 0
    path = music.write(tmp_path / "a.wav", samples, rate)
    out = tmp_path / "out"
    answer = waveform.waveform(music.call({"audio": str(path), "out": str(out)}))
    assert answer == {"columns": 301, "per_second": 100}
    low, high = np.frombuffer(out.read_bytes(), np.uint8).reshape(2, 301).astype(int) - 128
    edges = -(-np.arange(302) * len(samples) // 301)
    for column in (0, 1, 100, 150, 300):
        part = samples[edges[column] : edges[column + 1]]
        assert low[column] == np.rint(127 * part.min())
        assert high[column] == np.rint(127 * part.max())


def test_no_audio_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("la la la")
    with pytest.raises(InputError, match=r"a\.wav"):
        waveform.waveform(
            music.call({"audio": str(tmp_path / "a.wav"), "out": str(tmp_path / "o")})
        )
