"""The analyzer's values against references: librosa's own, the tones of BS.1770 and EBU 3341, and music whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest

from sfa.features import PITCHES, Analysis, Features
from sfa.ports.children import instruments, loudness
from sfa.ports.children.score import RATE, Score
from tests.children import music

# ---------------------------------------------------------------- librosa's own, at its defaults and 22,050 Hz


@pytest.fixture(scope="module")
def pair(song: Path) -> tuple[Analysis, np.ndarray[Any, Any]]:
    samples, _ = librosa.load(song, sr=22050)
    return music.measure(song), samples


Pair = tuple[Analysis, np.ndarray[Any, Any]]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # librosa imports aifc


def test_bandwidth_and_flatness_are_librosas(pair: Pair) -> None:
    found, y = pair
    bandwidth = float(librosa.feature.spectral_bandwidth(y=y, sr=22050).mean())
    assert found.features.bandwidth == pytest.approx(bandwidth, rel=1e-3)
    flatness = librosa.feature.spectral_flatness(y=y)
    assert found.features.flatness == pytest.approx(float(flatness.mean()), rel=5e-3)


def test_contrast_is_librosas(pair: Pair) -> None:
    found, y = pair
    theirs = librosa.feature.spectral_contrast(y=y, sr=22050).mean(axis=1)
    assert np.abs(theirs - np.array(found.features.contrast)).max() < 0.1  # decibels


def test_zero_crossings_and_mfcc_along_the_track_are_librosas(pair: Pair) -> None:
    """The series, not the means alone: a column is the mean of its frames."""
    found, y = pair
    series = found.features.series
    zcr = librosa.feature.zero_crossing_rate(y)[0]
    mfcc = librosa.feature.mfcc(y=y, sr=22050, n_mfcc=13)
    count = len(series.times)
    assert count == len(zcr)  # so short that every frame is a column
    assert np.abs(np.array(series.zcr) - zcr).max() < 2e-3
    assert np.abs(np.array(series.mfcc) - mfcc).mean() < 0.02
    assert found.zero_crossing_rate == pytest.approx(float(zcr.mean()), rel=1e-3)


def test_chroma_says_what_librosas_says(pair: Pair) -> None:
    """Another method (spectral peaks, tuned), so alike and not equal: the correlation of the two is at least 0.8."""
    found, y = pair
    theirs = librosa.feature.chroma_cqt(y=y, sr=22050).mean(axis=1)
    assert np.corrcoef(theirs, found.features.chroma)[0, 1] > 0.8
    assert int(np.argmax(theirs)) == int(np.argmax(found.features.chroma))


# ---------------------------------------------------------------- loudness and true peak


def tone(
    pitch: float, level_db: float, seconds: float, rate: int, channels: int = 2
) -> music.Samples:
    time = np.arange(int(seconds * rate)) / rate
    wave = 10 ** (level_db / 20) * np.sin(2 * np.pi * pitch * time)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def heard(samples: music.Samples, rate: int, block: int = 50_000) -> loudness.Loudness:
    meter = loudness.Loudness(rate, samples.shape[1])
    for start in range(0, len(samples), block):
        meter.feed(samples[start : start + block])
    return meter


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_a_stereo_tone_is_as_loud_as_ebu_3341_says(rate: int, level: float) -> None:
    """Cases 1 and 2: 1 kHz at −23 dBFS in both channels is −23 LUFS, ± 0.1."""
    assert heard(tone(1000, level, 20, rate), rate).integrated == pytest.approx(level, abs=0.1)


def test_a_997_hz_tone_in_one_channel_is_3_lu_less() -> None:
    """BS.1770-4: 0 dBFS at 997 Hz in one channel reads −3.01 LKFS."""
    assert heard(tone(997, 0, 20, 48000, 1), 48000).integrated == pytest.approx(-3.01, abs=0.02)


def test_quiet_parts_do_not_count() -> None:
    """Case 3: −36, −23 and −36 dBFS for 10, 60 and 10 s is −23 LUFS; without the gate it would be −24."""
    parts = [tone(1000, level, seconds, 48000) for level, seconds in ((-36, 10), (-23, 60), (-36, 10))]  # fmt: skip
    assert heard(np.concatenate(parts), 48000).integrated == pytest.approx(-23, abs=0.1)


def test_surrounds_count_more_and_the_lfe_nothing() -> None:
    levels = np.array([-28, -28, -24, -10, -30, -30])  # case 6, with a loud LFE
    six = tone(1000, 0, 20, 48000, 6) * (10 ** (levels / 20)).astype(np.float32)
    assert heard(six, 48000).integrated == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("block", [64, 1000, 1 << 18])
def test_a_peak_between_samples_is_found(block: int) -> None:
    """A quarter of the sampling rate at 45°: samples reach −9.03 dBFS, the signal −6.02; whatever the blocks."""
    time = np.arange(48000)
    wave = (0.5 * np.sin(2 * np.pi * 12000 * time / 48000 + np.pi / 4)).astype(np.float32)
    meter = heard(wave[:, None], 48000, block)
    assert 20 * np.log10(np.abs(wave).max()) == pytest.approx(-9.03, abs=0.01)
    assert meter.true_peak_db == pytest.approx(-6.02, abs=0.2)


def test_a_lone_peak_between_blocks_is_found() -> None:
    wave = np.zeros(48000, np.float32)
    wave[23_999:24_001] = 0.5  # two equal samples: the signal is higher between them
    for block in (24_000, 23_990, 48_000):
        assert heard(wave[:, None], 48000, block).true_peak_db == pytest.approx(-3.9, abs=0.4)


def test_silence_and_the_very_short_have_no_loudness() -> None:
    silent = heard(np.zeros((48000, 2), np.float32), 48000)
    assert (silent.integrated, silent.true_peak_db) == (None, None)
    short = heard(tone(1000, -23, 0.3, 48000), 48000)
    assert short.integrated is None
    assert short.true_peak_db == pytest.approx(-23, abs=0.2)


# ---------------------------------------------------------------- tempo, bars, sections, keys


def test_124_reads_124(tmp_path: Path) -> None:
    score = Score(seconds=40, bpm=124, seed=1)
    found = music.measure(music.write(tmp_path / "a.wav", music.mix(score)))
    assert found.tempo == pytest.approx(124.00, abs=0.02)
    assert found.features.grid.steady
    assert found.features.grid.residual_ms < 15


def test_bars_begin_where_the_music_has_them(tmp_path: Path) -> None:
    score = Score(seconds=40, bpm=112, tonic=4, seed=5)
    found = music.measure(music.write(tmp_path / "a.wav", music.mix(score)))
    truth = np.array(instruments.beats(score))[::4]
    bars = np.array(found.features.bars)
    assert found.features.grid.metre == 4
    nearest = np.abs(bars[None, :] - truth[1:-1, None]).min(axis=1)
    assert nearest.max() < 0.02
    assert set(found.features.bars) <= set(found.features.beats)


def two_halves() -> tuple[music.Samples, float]:
    """Sixteen bars in C major without drums, then sixteen in F# minor with everything, louder."""
    bpm, bar = 120, 2.0
    first = instruments.render(Score(seconds=16 * bar, bpm=bpm, tonic=0, minor=False, seed=2))
    second = instruments.render(Score(seconds=16 * bar, bpm=bpm, tonic=6, minor=True, seed=4))
    quiet = sum(samples for name, samples in first.items() if name != "drums") * np.float32(0.4)
    return np.concatenate([quiet, sum(second.values())]).astype(np.float32), 16 * bar


def test_sections_lie_on_bar_lines_and_each_has_its_key(tmp_path: Path) -> None:
    samples, change = two_halves()
    found = music.measure(music.write(tmp_path / "a.wav", samples)).features
    starts = [section.start for section in found.sections]
    assert 2 <= len(starts) <= 8
    assert starts[0] == 0.0
    assert found.sections[-1].end == pytest.approx(2 * change, abs=0.1)
    assert all(a.end == b.start for a, b in zip(found.sections, found.sections[1:], strict=False))
    assert all(np.abs(np.array(found.bars) - start).min() < 1e-3 for start in starts[1:])
    cut = min(starts, key=lambda start: abs(start - change))
    assert cut == pytest.approx(change, abs=0.1)
    early = {s.key for s in found.sections if s.end <= cut}
    late = {s.key for s in found.sections if s.start >= cut}
    assert early <= {"C major", "A minor", "G major", "F major"}
    assert "F# minor" in late
    drops = [moment.time for moment in found.moments if moment.kind == "drop"]
    assert any(abs(drop - change) < 0.1 for drop in drops)
    assert all(0 <= loop.score <= 1 and loop.end > loop.start for loop in found.loops)


def test_the_second_key_and_the_tuning_are_named(tmp_path: Path) -> None:
    score = Score(seconds=20, bpm=120, tonic=9, minor=True, seed=3, detune=30)
    detail = music.measure(music.write(tmp_path / "a.wav", music.mix(score))).features.key_detail
    assert detail.tuning == pytest.approx(30, abs=6)
    assert detail.second is not None
    assert detail.second != "A minor"
    assert (detail.open_key, detail.margin > 0) == ("1m", True)


# ---------------------------------------------------------------- input that is no music


def test_a_steady_tone_has_a_pitch_and_no_tempo(tmp_path: Path) -> None:
    found = music.measure(music.write(tmp_path / "a.wav", tone(440, -12, 20, RATE)))
    assert (found.tempo, found.features.beats, found.features.grid.others) == (None, (), ())
    assert int(np.argmax(found.features.chroma)) == PITCHES.index("A")
    assert found.rms_db == pytest.approx(-15.01, abs=0.02)
    assert found.peak_db == pytest.approx(-12, abs=0.02)
    assert found.spectral_centroid == pytest.approx(440, abs=15)


def test_white_noise_has_no_tempo_that_it_is_sure_of(tmp_path: Path) -> None:
    noise = 0.2 * np.random.default_rng(7).standard_normal((30 * RATE, 2)).astype(np.float32)
    found = music.measure(music.write(tmp_path / "a.wav", noise))
    assert found.tempo is None or found.tempo_confidence < 0.35
    assert found.key_confidence < 0.5
    assert found.features.flatness is not None
    assert found.features.flatness > 0.35


def test_an_offset_of_direct_current_changes_little(tmp_path: Path) -> None:
    score = Score(seconds=16, bpm=126, tonic=7, seed=8)
    clean = music.mix(score) * np.float32(0.5)
    one = music.measure(music.write(tmp_path / "a.wav", clean))
    other = music.measure(music.write(tmp_path / "b.wav", clean + np.float32(0.3)))
    assert other.tempo == pytest.approx(one.tempo, abs=0.02)
    assert other.key == one.key
    assert other.loudness == pytest.approx(one.loudness, abs=0.1)  # K-weighting passes no DC


def test_clipping_costs_neither_tempo_nor_key(tmp_path: Path) -> None:
    score = Score(seconds=16, bpm=126, tonic=7, seed=8)
    clipped = np.clip(music.mix(score) * 6, -1, 1).astype(np.float32)
    found = music.measure(music.write(tmp_path / "a.wav", clipped))
    assert found.tempo == pytest.approx(126, abs=0.05)
    assert found.key == "G minor"
    assert found.peak_db == pytest.approx(0, abs=0.01)
    assert found.true_peak_db is not None
    assert found.true_peak_db > 0.1  # a clipped wave goes higher between its samples


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (11025, 2), (96000, 2), (192000, 2)])
def test_the_same_music_at_any_rate_has_the_same_answers(
    tmp_path: Path, rate: int, channels: int
) -> None:
    import soxr

    score = Score(seconds=12, bpm=118, tonic=2, seed=6)
    samples = soxr.resample(music.mix(score), RATE, rate).astype(np.float32)
    found = music.measure(music.write(tmp_path / "a.wav", samples[:, :channels], rate))
    assert found.tempo == pytest.approx(118, abs=0.05)
    assert found.key == "D minor"
    assert (found.sample_rate, found.channels) == (rate, channels)


def test_some_samples_that_are_not_finite_are_passed_over(tmp_path: Path) -> None:
    samples = music.mix(Score(seconds=12, bpm=118, tonic=2, seed=6))
    holes = samples.copy()
    holes[RATE : RATE + 50] = np.nan
    holes[3 * RATE : 3 * RATE + 3] = np.inf
    found = music.measure(music.write(tmp_path / "a.wav", holes))
    json.dumps(found.to_json(), allow_nan=False)
    assert found.tempo == pytest.approx(118, abs=0.05)
    assert found.key == "D minor"


# ---------------------------------------------------------------- old results


def test_a_version_1_result_still_reads_and_draws(song: Path) -> None:
    body = json.loads(json.dumps(music.measure(song).to_json()))
    later = set(body["features"]) - {"mfcc", "chroma", "beats", "series", "peaks"}
    for name in later:
        del body["features"][name]
    for name in ("bandwidth", "flatness"):
        del body["features"]["series"][name]
    del body["loudness"], body["true_peak_db"]
    body["version"] = 1
    old = Analysis.from_json(body)
    assert (old.version, old.loudness) == (1, None)
    assert (old.features.sections, old.features.bars) == ((), ())
    assert old.features.beats
    assert Features.from_json(body["features"]) == old.features
    body["version"] = 2
    with pytest.raises(ValueError, match="loudness"):
        Analysis.from_json(body)


@pytest.mark.parametrize("rate", [8000, 44100, 192000])
def test_weighting_a_stream_is_the_filter_itself(rate: int) -> None:
    """Overlapping transforms against scipy's recursive filter, whatever the blocks."""
    from scipy import signal

    noise = np.random.default_rng(3).standard_normal((3 * rate + 77, 2)).astype(np.float32)
    noise += np.float32(0.5)  # an offset, which the filter takes away
    exact = signal.sosfilt(loudness.weighting(rate), noise, axis=0)
    for block in (1000, 1 << 18):
        stream = loudness.Weighting(rate, 2)
        parts = [p for start in range(0, len(noise), block) for p in stream.feed(noise[start : start + block].T)]  # fmt: skip
        weighted = np.concatenate([p.reshape(2, -1) for p in (*parts, *stream.finish())], axis=1).T
        assert weighted.shape == exact.shape
        assert np.abs(weighted - exact).max() < 1e-4 * np.abs(exact).max()
