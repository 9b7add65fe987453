"""Stems put together again: what a player or a person's own program reads out of it is what went in."""

import json
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from sfa.ports.child import InputError
from sfa.ports.children import export, stem_atom
from tests.children import music

RATE = 44100
NAMES = ("bass", "drums", "guitar", "no_vocals", "other", "vocals")


@pytest.fixture
def parts() -> dict[str, music.Samples]:
    t = np.arange(2 * RATE) / RATE
    made = {}
    for number, name in enumerate(NAMES):
        sweep = np.sin(2 * np.pi * (100 * t + (300 + 300 * number) * t * t)).astype(np.float32)
        made[name] = np.stack([0.1 * sweep, 0.05 * sweep], axis=1)
    return made


@pytest.fixture
def stems(parts: dict[str, music.Samples], tmp_path: Path) -> list[dict[str, str]]:
    return [
        {"name": name, "path": str(music.write(tmp_path / f"{name}.wav", part))}
        for name, part in parts.items()
    ]


def run(stems: list[dict[str, str]], out: Path, **args: Any) -> tuple[dict[str, Any], Path]:
    frames: list[Any] = []
    request = {"stems": stems, "out": str(out), "title": "AC/DC: live", "artist": "Ünï", **args}
    answer = export.export(music.call(request, frames))
    path = out / answer["file"]
    assert answer["bytes"] == path.stat().st_size
    return answer, path


def streams(path: Path, count: int) -> list[music.Samples]:
    """Each audio stream as ffmpeg decodes it."""
    decoded = []
    for number in range(count):
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path)]
        command += ["-map", f"0:a:{number}", "-f", "f32le", "-"]
        raw = subprocess.run(command, capture_output=True, check=True).stdout
        decoded.append(np.frombuffer(raw, "<f4").reshape(-1, 2))
    return decoded


def noise_db(truth: music.Samples, guess: music.Samples) -> float:
    assert abs(len(guess) - len(truth)) <= 1024
    size = min(len(truth), len(guess))
    rest = np.sum((truth[:size] - guess[:size]) ** 2)
    return float(10 * np.log10(rest / np.sum(truth**2) + 1e-20))


def test_a_mix_is_the_sum_with_its_gains(
    stems: list[dict[str, str]], parts: dict[str, music.Samples], tmp_path: Path
) -> None:
    _, path = run(stems, tmp_path / "out", gains={"drums": -6, "vocals": 0})
    mix, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    assert np.abs(mix - (10**-0.3 * parts["drums"] + parts["vocals"])).max() < 1e-6
    answer, path = run(stems, tmp_path / "out")
    mix, _ = soundfile.read(path, dtype="float32")
    total = sum(part for name, part in parts.items() if name != "no_vocals")
    assert np.abs(mix - total).max() < 1e-6
    assert answer["peak_db"] == pytest.approx(20 * np.log10(np.abs(total).max()), abs=0.01)


def test_a_mix_that_clips_says_so(stems: list[dict[str, str]], tmp_path: Path) -> None:
    frames: list[Any] = []
    request = {"stems": stems, "out": str(tmp_path / "out"), "format": "flac"}
    loud = dict.fromkeys(("drums", "bass", "vocals", "other"), 12)
    export.export(music.call({**request, "gains": loud}, frames))
    assert any("clips in flac" in getattr(frame, "message", "") for frame in frames)
    frames.clear()
    export.export(music.call({**request, "gains": loud, "format": "wav"}, frames))
    assert not any("clips" in getattr(frame, "message", "") for frame in frames)


def test_a_zip_holds_every_stem_and_is_the_same_every_time(
    stems: list[dict[str, str]], parts: dict[str, music.Samples], tmp_path: Path
) -> None:
    one, path = run(stems, tmp_path / "a", package="zip", format="flac", bits=16)
    two, _ = run(stems, tmp_path / "b", package="zip", format="flac", bits=16)
    assert one["sha256"] == two["sha256"]
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {f"AC DC live - {name}.flac" for name in NAMES}
        with archive.open("AC DC live - bass.flac") as file:
            bass, _ = soundfile.read(file, dtype="float32")
    assert np.abs(bass - parts["bass"]).max() < 2**-15
    assert [left.name for left in path.parent.iterdir()] == ["stems.zip"]
    # Without a format they are what they were, to the byte.
    _, path = run(stems, tmp_path / "c", package="zip")
    with zipfile.ZipFile(path) as archive:
        for stem in stems:
            inside = archive.read(f"AC DC live - {stem['name']}.wav")
            assert inside == Path(stem["path"]).read_bytes()


# Each atom's body by its path; read here once more, by other code than what wrote it.
def walk(data: bytes, at: int = 0, end: int | None = None, path: str = "") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    end = len(data) if end is None else end
    while at < end:
        size = int.from_bytes(data[at : at + 4], "big")
        name = path + "/" + data[at + 4 : at + 8].decode("latin-1")
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        assert size >= head
        assert at + size <= end
        while name in found:
            name += "+"
        found[name] = data[at + head : at + size]
        if name.rstrip("+").rsplit("/", 1)[1] in ("moov", "udta", "trak", "mdia"):
            found |= walk(data, at + head, at + size, name)
        at += size
    return found


@pytest.mark.parametrize(("codec", "limit"), [("aac", -30), ("alac", -110)])
def test_a_stem_mp4_is_one(
    stems: list[dict[str, str]],
    parts: dict[str, music.Samples],
    tmp_path: Path,
    codec: str,
    limit: float,
) -> None:
    answer, path = run(stems, tmp_path / "out", package="stem.mp4", format=codec)
    assert answer["suffix"] == "stem.mp4"
    found = walk(path.read_bytes())
    assert found["/ftyp"][:4] == b"M4A "
    assert b"AC/DC: live" in found["/moov/udta/meta"]
    told = json.loads(found["/moov/udta/stem"])
    assert told["version"] == 1
    assert [stem["name"] for stem in told["stems"]] == ["Drums", "Bass", "Other", "Vocals"]
    assert all(len(stem["color"]) == 7 for stem in told["stems"])
    assert set(told["mastering_dsp"]) == {"compressor", "limiter"}
    # A player that knows nothing of stems plays the first track: the others are not enabled.
    headers = [body for name, body in found.items() if name.endswith("/tkhd")]
    assert [header[3] & 1 for header in headers] == [1, 0, 0, 0, 0]
    heard = streams(path, 5)
    total = sum(part for name, part in parts.items() if name != "no_vocals")
    expected = [total, parts["drums"], parts["bass"], parts["other"] + parts["guitar"]]
    for truth, guess in zip([*expected, parts["vocals"]], heard, strict=True):
        assert noise_db(np.asarray(truth), guess) < limit
    assert [left.name for left in path.parent.iterdir()] == ["track.stem.mp4"]


def test_the_atom_is_added_once(stems: list[dict[str, str]], tmp_path: Path) -> None:
    _, path = run(stems, tmp_path / "out", package="stem.mp4")
    before = path.read_bytes()
    stem_atom.add(path, ["Drums", "Bass", "Other", "Vocals"])
    assert path.read_bytes() == before
    # An index that is not the last atom can't grow without moving the audio.
    path.write_bytes(before + struct.pack(">I4s", 8, b"free"))
    with pytest.raises(Exception, match="index at the end"):
        stem_atom.add(path, ["Drums", "Bass", "Other", "Vocals"])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"package": "rar"}, "package"),
        ({"gains": {"kazoo": 0}}, "kazoo"),
        ({"gains": {"bass": 40}}, "12 dB"),
        ({"gains": {"bass": float("nan")}}, "12 dB"),
        ({"format": "ogg"}, "format"),
        ({"package": "stem.mp4", "format": "mp3"}, "aac or alac"),
        ({"stems": []}, "stems"),
        ({"stems": [{"name": "bass"}]}, "stems"),
        ({"stems": [{"name": "bass", "path": "/nowhere/bass.wav"}]}, "separate the track again"),
    ],
)
def test_a_wrong_request_says_what_to_do(
    stems: list[dict[str, str]], tmp_path: Path, args: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as refusal:
        run(args.pop("stems", stems), tmp_path / "out", **args)
    assert "/nowhere" not in str(refusal.value)


def test_stems_of_two_separations_are_refused(stems: list[dict[str, str]], tmp_path: Path) -> None:
    other = music.write(tmp_path / "short.wav", np.zeros((100, 2), np.float32))
    with pytest.raises(InputError, match="not of one separation"):
        run([*stems, {"name": "piano", "path": str(other)}], tmp_path / "out")


def test_three_stems_are_no_stem_mp4(stems: list[dict[str, str]], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no vocals"):
        run(stems[:5], tmp_path / "out", package="stem.mp4")
