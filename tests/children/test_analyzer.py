"""Measure the analyzer's accuracy on music whose truth is known."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest

from sfa.features import CAMELOT, PITCHES, Analysis
from sfa.ports.child import InputError
from sfa.ports.children import analysis, fourier, instruments, tempo
from sfa.ports.children.audio import Track
from sfa.ports.children.score import RATE, Score
from tests.children import music

NOISE = np.random.default_rng(5)


@pytest.mark.parametrize("bpm", [72, 93, 111.11, 124, 133.7, 150])
def test_tempo_and_beats_of_rendered_music(tmp_path: Path, bpm: float) -> None:
    score = Score(seconds=16, bpm=bpm, seed=int(bpm))
    found = music.measure(music.write(tmp_path / "a.wav", music.mix(score)))
    assert found.tempo == pytest.approx(bpm, abs=0.05)
    assert found.tempo_confidence > 0.5
    beats = np.array(found.features.beats)
    truth = np.array(instruments.beats(score))[1:-1]
    nearest = np.abs(beats[None, :] - truth[:, None]).min(axis=1)
    assert nearest.max() < 0.01
    assert abs(len(beats) - len(instruments.beats(score))) <= 2


def test_a_drifting_tempo_is_followed(tmp_path: Path) -> None:
    slow, fast = (music.mix(Score(seconds=12, bpm=bpm)) for bpm in (110, 118))
    found = music.measure(music.write(tmp_path / "a.wav", np.concatenate([slow, fast])))
    assert found.tempo is not None
    assert 109 < found.tempo < 119
    late = [beat for beat in found.features.beats if beat > 13]
    assert 60 / np.median(np.diff(late)) == pytest.approx(118, abs=1)


@pytest.mark.parametrize("minor", [False, True])
@pytest.mark.parametrize("tonic", [0, 2, 5, 6, 9, 11])
def test_key_of_rendered_and_detuned_music(tmp_path: Path, tonic: int, minor: bool) -> None:
    detune = 17 * tonic % 80 - 40
    score = Score(seconds=12, bpm=126, tonic=tonic, minor=minor, seed=tonic, detune=detune)
    found = music.measure(music.write(tmp_path / "a.wav", music.mix(score)))
    name = f"{PITCHES[tonic]} {'minor' if minor else 'major'}"
    assert (found.key, found.camelot) == (name, CAMELOT[name])
    assert found.key_confidence > 0.3
    assert found.features.chroma[tonic] > 0.5


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # librosa imports aifc
def test_means_agree_with_librosa(song: Path) -> None:
    found = music.measure(song)
    samples, rate = librosa.load(song, sr=22050)
    means = {
        "spectral_centroid": librosa.feature.spectral_centroid(y=samples, sr=rate).mean(),
        "spectral_rolloff": librosa.feature.spectral_rolloff(y=samples, sr=rate).mean(),
        "zero_crossing_rate": librosa.feature.zero_crossing_rate(samples).mean(),
    }
    for name, mean in means.items():
        assert getattr(found, name) == pytest.approx(float(mean), rel=1e-3)
    mfcc = librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=13).mean(axis=1)
    assert np.abs(mfcc - np.array(found.features.mfcc)).max() < 0.05
    rms = librosa.feature.rms(y=samples).mean()
    assert np.mean(found.features.series.rms) == pytest.approx(float(rms), rel=0.02)


def test_blocks_do_not_change_the_result(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = music.measure(song)
    monkeypatch.setattr(analysis, "BLOCK", 12_345)
    other = music.measure(song)
    # Sums of other pieces are rounded otherwise, which may move a beat by a frame: within what a tempo may be off.
    assert other.tempo == pytest.approx(one.tempo, abs=2e-2)
    assert other.key == one.key
    assert other.features.mfcc == pytest.approx(one.features.mfcc, abs=1e-2)


def tone(seconds: float, rate: int, channels: int) -> music.Samples:
    time = np.arange(int(seconds * rate)) / rate
    return np.repeat(0.3 * np.sin(2 * np.pi * 440 * time)[:, None], channels, 1).astype(np.float32)


ODD = {
    "silent": (np.zeros((3 * RATE, 2), np.float32), RATE),
    "short": (tone(0.2, RATE, 2), RATE),
    "one frame": (tone(0.2, RATE, 1)[5:6], RATE),
    "mono 8 kHz": (tone(5, 8000, 1), 8000),
    "six channels": (tone(5, 48000, 6), 48000),
    "192 kHz": (tone(1, 192000, 2), 192000),
    "constant": (np.full((5 * RATE, 2), 0.5, np.float32), RATE),
    "clipped noise": (np.sign(NOISE.standard_normal((5 * RATE, 2))).astype(np.float32), RATE),
    "one click": (np.eye(6 * RATE, 1, -RATE, dtype=np.float32), RATE),
    "not finite": (np.full((RATE, 2), np.nan, np.float32), RATE),
    "loud beyond sense": (tone(5, RATE, 2) * np.float32(1e30), RATE),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_input_gives_sane_values(tmp_path: Path, name: str) -> None:
    samples, rate = ODD[name]
    found = music.measure(music.write(tmp_path / "odd.wav", samples, rate))
    body = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert Analysis.from_json(body) == found
    assert found.duration_ms == round(1000 * len(samples) / rate)
    assert found.channels == samples.shape[1]
    if name in ("silent", "not finite"):
        assert (found.tempo, found.key, found.energy, found.rms_db) == (None, None, 0, None)
    if name in ("short", "one frame", "constant"):
        assert found.tempo is None
        assert found.features.beats == ()


def test_series_are_at_most_600_columns(tmp_path: Path) -> None:
    found = music.measure(music.write(tmp_path / "a.wav", tone(30, 8000, 1), 8000))
    series = found.features.series
    assert len(series.times) == len(series.chroma[0]) == len(series.mfcc[0]) == 600
    assert series.times[-1] == pytest.approx(30, abs=0.1)
    assert np.argmax(found.features.chroma) == PITCHES.index("A")


def test_progress_moves_and_never_falls(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "BLOCK", 1 << 15)
    frames: list[Any] = []
    call = music.call(frames=frames)
    call._clock = iter(range(10_000)).__next__
    with Track(song) as track:
        analysis.measure(track, call)
    percents = [frame.percent for frame in frames]
    assert percents == sorted(percents)
    assert len(percents) > 10


def test_one_thread_or_two_say_the_same(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "BLOCK", 1 << 15)
    answers = []
    for threads in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        with Track(song) as track:
            answers.append(analysis.measure(track, music.call()).to_json())
    assert answers[0] == answers[1]


def test_no_onsets_no_tempo() -> None:
    assert tempo.estimate(tempo.prepare(np.zeros((5000, 4), np.float32), 43.0)) is None
    assert tempo.estimate(tempo.prepare(np.ones((3, 4), np.float32), 43.0)) is None


def test_by_hand_through_a_pipe(song: Path, tmp_path: Path) -> None:
    text = tmp_path / "song.mp3"
    text.write_text("la la la")
    lines = [json.dumps({"op": "analyze", "audio": str(path)}) for path in (song, text)]
    done = subprocess.run(
        [sys.executable, "-m", "sfa.ports.children.analyzer"],
        input="\n".join(lines).encode(),
        capture_output=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"},
    )
    frames = [json.loads(line) for line in done.stdout.splitlines()]
    assert frames[0]["type"] == "hello"
    assert frames[0]["ops"] == ["analyze", "refine", "waveform", "measure", "clip"]
    result = next(frame for frame in frames if frame["type"] == "result")
    assert Analysis.from_json(result).tempo == pytest.approx(120, abs=0.05)
    error = next(frame for frame in frames if frame["type"] == "error")
    assert error["kind"] == "input"
    assert error["message"].startswith("song.mp3 is not audio that can be read")
    assert done.returncode == 1


def test_a_request_without_audio_is_refused() -> None:
    with pytest.raises(InputError, match="audio"):
        analysis.analyze(music.call({"op": "analyze"}))


def test_transforms_keep_single_precision_and_come_back() -> None:
    rows = np.random.default_rng(3).standard_normal((5, 2048)).astype(np.float32)
    spectra = fourier.forward(rows)
    assert spectra.dtype == np.dtype(np.complex64)
    assert spectra.shape == (5, 1025)
    truth = np.fft.rfft(rows.astype(np.float64)) / 2048
    assert np.abs(spectra - truth).max() < 1e-6 * np.abs(truth).max()
    again = fourier.back(spectra * np.float32(2048), 2048)
    assert again.dtype == np.float32
    assert np.abs(again - rows).max() < 1e-5
    # One factor that is no single, and NumPy computes in double precision: exact to some 1e-16 before it rounds.
    doubled = np.fft.irfft(spectra, 2048, norm="forward")
    assert (again != doubled).any()


def test_a_cold_start_imports_nothing_that_takes_longer_than_the_work() -> None:
    script = (
        "import sys; from sfa.ports.children import analyzer; analyzer.load(); print(*sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # fmt: skip
    loaded = set(told.stdout.split())
    assert "numpy" in loaded
    assert not {"scipy", "librosa", "numba", "numpy.ma", "numpy.random"} & loaded
