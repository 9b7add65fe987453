"""Read every kind of file, good and bad."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from sfa.ports.child import Cancelled, InputError
from sfa.ports.children import audio
from sfa.ports.children.audio import Track
from sfa.ports.children.levels import Meter
from tests.children import music


def encode(source: Path, target: Path, *options: str) -> Path:
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    command = [ffmpeg, "-nostdin", "-v", "error", "-i", str(source), *options, "-y", str(target)]
    subprocess.run(command, check=True, timeout=60)
    return target


def whole(track: Track, rate: int | None = None) -> music.Samples:
    return np.concatenate(list(track.stereo(rate, size=10_000)))


@pytest.mark.parametrize("suffix", ["mp3", "flac", "ogg", "opus", "m4a", "aac", "wma", "mkv"])
def test_the_content_decides_not_the_name(song: Path, tmp_path: Path, suffix: str) -> None:
    hidden = encode(song, tmp_path / f"a.{suffix}").rename(tmp_path / "song.raw")
    with Track(song) as source, Track(hidden) as track:
        assert track.channels == 2
        assert track.seconds == pytest.approx(source.seconds, abs=0.06)
        assert np.sqrt(np.mean(whole(track, 44100) ** 2)) == pytest.approx(
            np.sqrt(np.mean(whole(source) ** 2)), rel=0.1
        )


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("mp4", ["-c:v", "mpeg4", "-c:a", "aac"]),
        ("mov", ["-c:v", "mjpeg", "-c:a", "pcm_s16le"]),
        ("avi", ["-c:v", "mpeg4", "-c:a", "libmp3lame"]),
        ("wmv", ["-c:v", "wmv2", "-c:a", "wmav2"]),
        ("webm", ["-c:v", "libvpx", "-c:a", "libvorbis"]),
    ],
)
def test_the_sound_of_a_video_is_read(
    song: Path, tmp_path: Path, suffix: str, options: list[str]
) -> None:
    target = tmp_path / f"clip.{suffix}"
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=2"]
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error"]
    command = [*ffmpeg, *picture, "-t", "2", "-i", str(song), *options, "-y", str(target)]
    subprocess.run(command, check=True, timeout=60)
    with Track(song) as source, Track(target) as track:
        assert track.channels == 2
        assert track.seconds == pytest.approx(2, abs=0.1)
        part = whole(source)[: 2 * 44100]
        level = np.sqrt(np.mean(whole(track, 44100) ** 2))
        assert level == pytest.approx(np.sqrt(np.mean(part**2)), rel=0.1)


@pytest.mark.parametrize(
    ("rate", "channels"), [(44100, 1), (44100, 2), (96000, 2), (192000, 1), (44100, 3), (48000, 6)]
)
def test_what_ffmpeg_decodes_is_what_was_encoded(tmp_path: Path, rate: int, channels: int) -> None:
    """Sample by sample, through a lossless codec that libsndfile does not know: no rate and no number of channels is misread."""
    time = np.arange(rate) / rate
    tones = [0.3 * np.sin(2 * np.pi * (300 + 200 * n) * time) for n in range(channels)]
    sound = np.stack(tones, axis=1).astype(np.float32)
    source = music.write(tmp_path / "source.wav", sound, rate)
    path = encode(source, tmp_path / "sound.mka", "-c:a", "wavpack")
    with Track(path) as track:
        assert (track.sample_rate, track.channels) == (rate, channels)
        decoded = np.concatenate(list(track.blocks()))
    assert decoded.shape == sound.shape
    assert np.abs(decoded - sound).max() < 1e-4


@pytest.mark.parametrize("suffix", ["m4a", "ogg", "opus", "ac3", "flac", "aiff"])
def test_six_channels_come_in_the_order_of_a_wav(tmp_path: Path, suffix: str) -> None:
    """AAC, Vorbis and Opus have orders of their own (with the centre elsewhere); the down-mix must not take them for WAV's."""
    rate = 48000
    time = np.arange(rate) / rate
    tones = [0.3 * np.sin(2 * np.pi * (300 + 200 * n) * time) for n in range(6)]
    six = np.stack(tones, axis=1).astype(np.float32)
    path = encode(music.write(tmp_path / "six.wav", six, rate), tmp_path / f"six.{suffix}")
    with Track(path) as track:
        assert track.channels == 6
        pair = whole(track)[: rate - 4800]
    levels = np.abs(np.fft.rfft(pair * np.hanning(len(pair))[:, None], axis=0)) * 4 / len(pair)
    hertz = [round((300 + 200 * n) * len(pair) / rate) for n in range(6)]
    # Of the six: its own front whole, centre and its own surround by 1/√2, neither the bass effects nor the other side.
    part = 0.3 / (1 + 2**0.5)
    side = part / 2**0.5
    assert levels[hertz, 0] == pytest.approx([part, 0, side, 0, side, 0], abs=0.01)
    assert levels[hertz, 1] == pytest.approx([0, part, side, 0, 0, side], abs=0.01)


def test_it_can_be_read_twice(song: Path, tmp_path: Path) -> None:
    for path in (song, encode(song, tmp_path / "a.m4a")):
        with Track(path) as track:
            assert np.array_equal(whole(track), whole(track))


def test_resampled_blocks_join_without_a_seam(tmp_path: Path) -> None:
    time = np.arange(48_000) / 48_000
    tone = np.sin(2 * np.pi * 1000 * time)[:, None].astype(np.float32)
    with Track(music.write(tmp_path / "tone.wav", tone, 48_000)) as track:
        pair = whole(track, 44_100)
    assert len(pair) == 44_100
    expected = np.sin(2 * np.pi * 1000 * np.arange(44_100) / 44_100)
    assert np.abs(pair[500:-500, 0] - expected[500:-500]).max() < 1e-4


@pytest.mark.parametrize(
    ("channels", "only", "left", "right"),
    [
        (1, 0, 1.0, 1.0),
        (2, 1, 0.0, 1.0),
        (6, 0, 1.0, 0.0),
        (6, 2, 0.5**0.5, 0.5**0.5),
        (6, 3, 0.0, 0.0),
        (6, 5, 0.0, 0.5**0.5),
        (8, 6, 0.5**0.5, 0.0),
    ],
)
def test_the_down_mix(channels: int, only: int, left: float, right: float) -> None:
    block = np.zeros((4, channels), np.float32)
    block[:, only] = 1
    scale = 1 if channels <= 2 else 1 + 2 * 0.5**0.5 if channels == 6 else 1 + 3 * 0.5**0.5
    if channels == 8:
        scale = 1 + 0.5**0.5 * 3
    mixed = audio.to_stereo(block)
    assert mixed[0].tolist() == pytest.approx([left / scale, right / scale], abs=1e-6)
    assert np.abs(audio.to_stereo(np.ones((2, channels), np.float32))).max() <= 1 + 1e-6


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("song.mp3", b"These are the words of a song.\n" * 40, "not audio that can be read"),
        ("list.mp3", b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", "not audio that can be read"),
        ("list.m4a", b"ffconcat version 1.0\nfile song.wav\n", "not audio that can be read"),
        ("picture.wav", b"\x89PNG\r\n\x1a\n" + bytes(100), "not audio that can be read"),
        ("nothing.wav", b"", "is empty"),
        ("head.wav", b"RIFF\x24\x00\x00\x00WAVE", "not audio that can be read"),
    ],
)
def test_what_is_not_audio_is_said_plainly(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        Track(path)
    assert str(caught.value).startswith(name)
    assert str(tmp_path) not in str(caught.value)


def test_no_file_no_sound_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.wav: no such file"):
        Track(tmp_path / "gone.wav")
    with pytest.raises(InputError, match="holds no sound"):
        Track(music.write(tmp_path / "zero.wav", np.zeros((0, 2), np.float32)))
    with pytest.raises(InputError, match="cannot be opened"):
        Track(tmp_path)


def test_nine_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="9 channels"):
        Track(music.write(tmp_path / "nine.wav", np.zeros((100, 9), np.float32)))


def test_samples_that_are_not_finite_become_silence(tmp_path: Path) -> None:
    samples = np.full((1000, 2), 0.25, np.float32)
    samples[10], samples[20], samples[30] = np.nan, np.inf, 1e30
    with Track(music.write(tmp_path / "odd.wav", samples)) as track:
        read = whole(track)
    assert read[10, 0] == 0
    assert read[20, 1] == 0
    assert read[30, 0] == audio.MAX_SAMPLE
    assert read[40, 0] == 0.25


def test_a_cancel_ends_ffmpeg(song: Path, tmp_path: Path) -> None:
    source = encode(song, tmp_path / "a.m4a")
    call = music.call()
    call.cancelled.set()
    with pytest.raises(Cancelled):
        Track(source, call)


def test_peaks_do_not_depend_on_the_blocks(song: Path) -> None:
    samples, _ = soundfile.read(song, dtype="float32")
    one, many = Meter(len(samples)), Meter(len(samples))
    one.feed(samples)
    for start in range(0, len(samples), 777):
        many.feed(samples[start : start + 777])
    assert one.peaks() == many.peaks()
    assert len(one.peaks()["min"]) == 1000
    column = samples[: len(samples) // 1000]
    assert one.peaks()["max"][0] == round(float(column.max()) * 127)
    assert one.rms_db == pytest.approx(10 * np.log10(np.mean(samples.astype(float) ** 2)), abs=1e-3)
    assert one.peak_db == pytest.approx(20 * np.log10(np.abs(samples).max()), abs=1e-3)


def test_levels_of_silence_and_of_few_frames() -> None:
    meter = Meter(3)
    meter.feed(np.zeros((3, 1), np.float32))
    assert (meter.rms_db, meter.peak_db) == (None, None)
    assert meter.peaks() == {"min": [0, 0, 0], "max": [0, 0, 0]}


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_sixteen_bits_are_read_as_the_floats_they_stand_for(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"every.{suffix}"
    every = np.arange(-(2**15), 2**15, dtype=np.int16)
    soundfile.write(path, np.stack([every, every[::-1]], axis=1), 44100, subtype="PCM_16")
    floats, _ = soundfile.read(path, dtype="float32", always_2d=True)
    with Track(path) as track:
        blocks = list(track.blocks(1000))
    assert {block.dtype for block in blocks} == {np.dtype(np.float32)}
    assert np.array_equal(np.concatenate(blocks), floats)
