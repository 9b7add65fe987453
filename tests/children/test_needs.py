"""What a separation needs is known before it begins, and what cannot end well is refused at once."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sfa.ports.child import ResourceError
from sfa.ports.children import demucs_models, needs, separation, streaming
from tests.children import models, music


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    models.bag(folder, "one", [models.htdemucs(1)])
    demucs_models.shelf.clear()
    return folder


def separate(song: Path, folder: Path, out: Path, model: str = "one") -> tuple[dict[str, Any], Any]:
    frames: list[Any] = []
    request = {"audio": str(song), "model": model, "models": str(folder), "out": str(out)}
    return separation.separate(music.call(request, frames)), frames


@pytest.mark.parametrize("model", ["one", "spectral"])
def test_too_little_memory_is_refused_before_anything_is_loaded(
    song: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(needs, "available", lambda: 50 << 20)
    monkeypatch.setattr(needs, "resident_bytes", lambda: 100 << 20)
    loaded: list[Any] = []
    monkeypatch.setattr(demucs_models, "get", lambda *args: loaded.append(args))
    with pytest.raises(ResourceError, match=r"needs about \d+ MB of memory and 52 MB are free"):
        separate(song, folder, tmp_path / "out", model)
    assert loaded == []
    assert not (tmp_path / "out").exists()


def test_a_segment_that_does_not_fit_is_refused_once_the_model_is_known(
    song: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its weights fit, the 12 s of a segment at 2000 bytes a sample don't.
    monkeypatch.setattr(needs, "LIBRARIES", 0)
    monkeypatch.setattr(needs, "available", lambda: 100 << 20)
    monkeypatch.setattr(needs, "resident_bytes", lambda: 0)
    with pytest.raises(ResourceError, match="choose the model spectral"):
        separate(song, folder, tmp_path / "out")
    assert demucs_models.shelf.held


def test_what_is_held_already_counts_as_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "available", lambda: 10)
    monkeypatch.setattr(needs, "resident_bytes", lambda: 2 << 30)
    needs.check_memory("any", 2 << 30)
    with pytest.raises(ResourceError):
        needs.check_memory("any", 3 << 30)
    # Where the system does not say, nothing is refused.
    monkeypatch.setattr(needs, "available", lambda: 0)
    needs.check_memory("any", 3 << 30)


@pytest.mark.parametrize("model", ["one", "spectral"])
def test_too_little_disk_is_refused_before_it_is_full(
    song: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(1 << 30, 0, 1 << 20))
    with pytest.raises(ResourceError, match="on the disk while they grow and 1 MB are free"):
        separate(song, folder, tmp_path / "out", model)


def test_the_estimate_of_a_real_network_is_what_it_takes() -> None:
    """Full-size htdemucs takes 1.25 GB (measured), its 42 million values and 7.8 s counted."""
    need = needs.network(42_000_000, 343_980)
    assert 1.1e9 < need < 1.4e9
    # Fast: 1.4 GB (measured).
    assert 1.35e9 < needs.network(42_000_000, 343_980, compiled=1) < 1.6e9
    four = needs.network(4 * 42_000_000, 343_980, compiled=4)
    assert four > needs.network(4 * 42_000_000, 343_980) + 1_500_000_000
    assert needs.network(42_000_000, 343_980, on_cpu=False) < need - 600_000_000


def test_an_answer_says_what_it_took(song: Path, folder: Path, tmp_path: Path) -> None:
    answer, _ = separate(song, folder, tmp_path / "out")
    assert answer["work_audio"] == pytest.approx(12, abs=0.01)
    assert 0 < answer["work_seconds"] <= answer["seconds"]
    assert answer["networks"] == 1
    assert answer["peak_bytes"] > 50 << 20
    assert separation.probe(music.call({"audio": str(song)})) == {
        "seconds": 12, "sample_rate": 44100, "channels": 2,
    }  # fmt: skip


def test_the_pace_is_told_from_where_it_began() -> None:
    now = 100.0
    pace = streaming.Pace(600, lambda: now)
    assert (
        pace.words(0.5) == "separating"
    )  # resumed: what an earlier attempt did is not this one's speed
    now = 101.0
    assert pace.words(0.51) == "separating"
    now = 110.0
    assert pace.words(0.6) == "separating, 6.00 s of audio a second, 0:40 left"
    now = 111.0
    assert pace.words(0.65).endswith("0:40 left")  # not anew within two seconds
    now = 10_100.0
    assert pace.words(0.7) == "separating, 0.01 s of audio a second, 4.2 h left"
