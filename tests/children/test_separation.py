"""Separate: the preview on music with known stems, Demucs against its own implementation."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from demucs.apply import BagOfModels, apply_model

from sfa.ports import protocol
from sfa.ports.child import Cancelled, InputError
from sfa.ports.children import demucs_models, separation, spectral, streaming
from sfa.ports.children.engines import TorchEngine
from tests.bench.separating import quality
from tests.bench.spectral import preview, quarter
from tests.children import models, music

torch.set_num_threads(1)


def sdr(truth: music.Samples, guess: music.Samples) -> float:
    return float(10 * np.log10(np.sum(truth**2) / np.sum((truth - guess) ** 2)))


def run(song: Path, out: Path, **args: Any) -> dict[str, Any]:
    request = {"audio": str(song), "out": str(out), "model": "spectral", **args}
    return separation.separate(music.call(request))


def heard(_share: float) -> None:
    pass


# The preview


def test_the_preview_adds_up_and_beats_a_quarter_of_the_mix(
    song: Path, stems: dict[str, music.Samples], tmp_path: Path
) -> None:
    answer = run(song, tmp_path)
    mix, rate = soundfile.read(song, dtype="float32")
    total = np.zeros_like(mix)
    for stem in answer["stems"]:
        samples, stem_rate = soundfile.read(tmp_path / stem["file"], dtype="float32")
        assert (stem_rate, len(samples)) == (rate, len(mix))
        assert stem["duration_ms"] == round(1000 * len(mix) / rate)
        assert stem["bytes"] == (tmp_path / stem["file"]).stat().st_size
        assert len(stem["peaks"]["min"]) == len(stem["peaks"]["max"]) == 1000
        name = stem["stem_type"]
        assert sdr(stems[name], samples) > sdr(stems[name], mix / 4) + 1.5
        total += samples
    assert sdr(mix, total) > 100
    assert answer["residual_db"] < -100
    assert {stem["stem_type"] for stem in answer["stems"]} == set(stems)
    assert (answer["engine"], answer["device"]) == ("spectral", "cpu")
    assert not list(tmp_path.glob(".*"))


def test_the_preview_is_as_good_as_it_was_measured(stems: dict[str, music.Samples]) -> None:
    """Each stem's SDR between the baseline and the ideal mask, and no worse than what was reached (less half a dB)."""
    made = preview(stems)
    found = {name: quality.sdr(stems[name], made[name]) for name in stems}
    ideal = quality.ideal(stems)
    for name, reached in {"drums": 9.7, "bass": 6.7, "other": 5.2, "vocals": 2.3}.items():
        assert found[name] > reached, found
        best = quality.sdr(stems[name], ideal[name])
        assert quality.sdr(stems[name], quarter(stems)[name]) < found[name] < best


def test_chunks_join_without_a_seam(
    stems: dict[str, music.Samples], monkeypatch: pytest.MonkeyPatch
) -> None:
    mix = np.sum(list(stems.values()), axis=0)
    monkeypatch.setattr(spectral, "CHUNK", 4 * spectral.RATE)
    monkeypatch.setattr(spectral, "OVERLAP", spectral.RATE)
    pieces = list(spectral.separate(iter(np.array_split(mix, 9)), lambda _done, _share: None))
    assert len(pieces) > 2
    assert max(len(piece[0]) for piece in pieces) <= 5 * spectral.RATE
    assert np.array_equal(np.concatenate([piece[0] for piece in pieces]), mix)
    total = np.concatenate([np.sum(list(piece[1].values()), axis=0) for piece in pieces])
    assert sdr(mix, total) > 100
    drums = np.concatenate([piece[1]["drums"] for piece in pieces])
    assert sdr(stems["drums"], drums) > 5


@pytest.mark.parametrize(
    ("frames", "rate", "channels"),
    [
        (8820, 44100, 2),
        (1, 44100, 1),
        (40_000, 8000, 1),
        (19_200, 96_000, 3),
        (9600, 48000, 4),
        (9600, 48000, 5),
        (9600, 48000, 6),
        (9600, 48000, 7),
        (9600, 48000, 8),
    ],
)
def test_odd_files_are_separated(tmp_path: Path, frames: int, rate: int, channels: int) -> None:
    noise = np.random.default_rng(1).standard_normal((frames, channels)).astype(np.float32) * 0.1
    answer = run(music.write(tmp_path / "odd.wav", noise, rate), tmp_path / "out")
    assert answer["residual_db"] is None or answer["residual_db"] < -100
    assert answer["duration_ms"] == pytest.approx(1000 * frames / rate, abs=1)


def test_silence_is_separated_into_silence(tmp_path: Path) -> None:
    silence = music.write(tmp_path / "silence.wav", np.zeros((44100, 2), np.float32))
    answer = run(silence, tmp_path / "out")
    assert answer["residual_db"] is None
    assert [stem["rms_db"] for stem in answer["stems"]] == [None] * 4
    json.dumps(answer, allow_nan=False)


@pytest.mark.parametrize("form", ["flac", "mp3"])
def test_other_formats_can_be_read_again(song: Path, tmp_path: Path, form: str) -> None:
    answer = run(song, tmp_path, format=form, stems=["bass"])
    assert [stem["file"] for stem in answer["stems"]] == [f"bass.{form}"]
    info = soundfile.info(tmp_path / f"bass.{form}")
    assert info.duration == pytest.approx(soundfile.info(song).duration, abs=0.1)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"format": "aac"}, "format"),
        ({"stems": ["kazoo"]}, "kazoo"),
        ({"stems": "vocals"}, "stems"),
        ({"model": "../etc"}, "not the name of a model"),
        ({"model": "htdemucs"}, "bin/sfa models fetch htdemucs"),
        ({"model": "nonesuch"}, "spectral"),
        ({"audio": "gone.wav"}, "no such file"),
    ],
)
def test_a_wrong_request_says_what_to_do(
    song: Path, tmp_path: Path, args: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        run(song, tmp_path / "out", models=str(tmp_path), **args)
    assert not list((tmp_path / "out").glob("*"))


def test_the_preview_needs_no_torch(song: Path, tmp_path: Path) -> None:
    program = (
        "import sys\nfrom sfa.ports.children import demucs_runner\nfrom tests.children import music\n"
        f"ops = demucs_runner.load()\nargs = {{'audio': {str(song)!r}, 'out': {str(tmp_path)!r}, "
        "'model': 'spectral'}\nops['separate'](music.call(args))\nassert 'torch' not in sys.modules"
    )
    env = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, env=env)


# Demucs


def streamed(bag: Any, mix: torch.Tensor, kept: list[str], size: int = 10_007) -> torch.Tensor:
    pieces = streaming.Mix(iter(torch.split(mix, size, -1)), mix.shape[-1])
    parts = streaming.networks(bag, kept, mix.shape[-1], 0.25, engine)
    return torch.cat(
        [piece for _, _, piece in streaming.apply(bag, pieces, kept, parts, heard)], -1
    )


def engine(model: Any) -> TorchEngine:
    return TorchEngine(model, "cpu", None, print)


BAGS = {
    "htdemucs": lambda: BagOfModels([models.htdemucs()]),
    "hdemucs": lambda: BagOfModels([models.hdemucs()]),
    "mixed": lambda: BagOfModels(
        [models.htdemucs(3), models.hdemucs(4, 3)], [[1, 0.5, 0, 1], [0, 0.5, 1, 1]]
    ),
}


@pytest.mark.parametrize("frames", [4 * 44100 + 123, 66_200, 9000])
@pytest.mark.parametrize("name", BAGS)
def test_it_is_bit_equal_to_apply_model(name: str, frames: int) -> None:
    bag = BAGS[name]().eval()
    mix = torch.randn(2, frames, generator=torch.Generator().manual_seed(frames))
    theirs = apply_model(bag, mix[None], shifts=0, overlap=0.25)[0]
    assert torch.equal(streamed(bag, mix, models.SOURCES), theirs)


def test_one_stem_of_a_one_hot_bag_runs_one_network(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = [[float(i == j) for i in range(4)] for j in range(4)]
    bag = BagOfModels([models.htdemucs(seed) for seed in range(4)], weights).eval()
    mix = torch.randn(2, 3 * 44100)
    theirs = apply_model(bag, mix[None], shifts=0, overlap=0.25)[0]
    ran: list[int] = []
    for number, model in enumerate(bag.models):
        model.register_forward_hook(lambda *_, number=number: ran.append(number))
    assert torch.equal(streamed(bag, mix, ["vocals"])[0], theirs[3])
    assert set(ran) == {3}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    models.bag(folder, "tiny", [models.htdemucs(1)])
    models.bag(folder, "pair", [models.htdemucs(1), models.hdemucs(2)], segment=2)
    demucs_models.shelf.clear()
    return folder


def test_a_file_through_a_bag(song: Path, folder: Path, tmp_path: Path) -> None:
    frames: list[Any] = []
    request = {"audio": str(song), "out": str(tmp_path / "out"), "model": "pair"}
    call = music.call({**request, "models": str(folder)}, frames)
    call._clock = iter(range(100_000)).__next__
    answer = separation.separate(call)
    assert (answer["engine"], answer["model"]) == ("demucs", "pair")
    assert [stem["stem_type"] for stem in answer["stems"]] == models.SOURCES
    mix, _ = soundfile.read(song, dtype="float32")
    wave = torch.from_numpy(mix.T.copy())
    reference = wave.mean(0)
    bag = demucs_models.get("pair", folder)
    scaled = (wave - reference.mean()) / (reference.std() + 1e-8)
    theirs = apply_model(bag, scaled[None], shifts=0, overlap=0.25)[0]
    theirs = theirs * (reference.std() + 1e-8) + reference.mean()
    for stem, expected in zip(answer["stems"], theirs, strict=True):
        samples, _ = soundfile.read(tmp_path / "out" / stem["file"], dtype="float32")
        assert np.abs(samples.T - expected.numpy()).max() < 1e-5
    percents = [frame.percent for frame in frames if isinstance(frame, protocol.Progress)]
    assert percents == sorted(percents)
    assert len(percents) > 50
    assert max(np.diff(percents)) < 6


def test_a_loaded_model_is_kept(folder: Path) -> None:
    assert demucs_models.get("tiny", folder) is demucs_models.get("tiny", folder)
    answer = separation.load(music.call({"model": "tiny", "models": str(folder)}))
    assert answer["sources"] == models.SOURCES
    tiny, pair = demucs_models.get("tiny", folder), demucs_models.get("pair", folder)
    assert demucs_models.get("tiny", folder) is tiny
    assert demucs_models.get("pair", folder) is pair
    one = demucs_models.get("tiny0", folder)
    assert list(one.sources) == models.SOURCES


def test_cancel_acts_within_a_segment(song: Path, folder: Path, tmp_path: Path) -> None:
    request = {"audio": str(song), "out": str(tmp_path / "out"), "model": "tiny"}
    call = music.call({**request, "models": str(folder)})
    layers: list[object] = []
    bag = demucs_models.get("tiny", folder)

    def after(*_: object) -> None:
        layers.append(_)
        call.cancelled.set()

    bag.models[0].encoder[0].register_forward_hook(after)
    with pytest.raises(Cancelled):
        separation.separate(call)
    assert len(layers) == 1
    assert not list((tmp_path / "out").glob("*.wav"))


def test_a_damaged_file_is_refused(folder: Path) -> None:
    path = next(folder.glob("tiny0-*.th"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="damaged"):
        demucs_models.get("tiny", folder)


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch trapped",)


def test_a_pickle_that_runs_code_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    models.save(folder, "evil", models.htdemucs(), trap=Trap())
    with pytest.raises(InputError, match="not a safe Demucs model"):
        demucs_models.get("evil", folder)
    assert not (tmp_path / "trapped").exists()


def test_a_bag_with_a_missing_member_says_so(folder: Path) -> None:
    next(folder.glob("pair1-*.th")).unlink()
    with pytest.raises(InputError, match="1 of the weights of pair are not"):
        demucs_models.get("pair", folder)


def test_a_released_bag_needs_no_yaml_of_its_own(folder: Path) -> None:
    models.save(folder, "955717e8", models.htdemucs(9))
    assert len(demucs_models.get("htdemucs", folder).models) == 1


def test_by_hand_through_a_pipe(song: Path, folder: Path, tmp_path: Path) -> None:
    request = {"op": "separate", "audio": str(song), "out": str(tmp_path / "out")}
    lines = [
        json.dumps({**request, "model": "tiny", "models": str(folder)}),
        json.dumps({**request, "model": "htdemucs", "models": str(folder)}),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "sfa.ports.children.demucs_runner"],
        input="\n".join(lines).encode(),
        capture_output=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"},
    )
    frames = [json.loads(line) for line in done.stdout.splitlines()]
    assert set(frames[0]["ops"]) == {"separate", "load", "probe"}
    result = next(frame for frame in frames if frame["type"] == "result")
    assert {stem["file"] for stem in result["stems"]} == {f"{n}.wav" for n in models.SOURCES}
    error = next(frame for frame in frames if frame["type"] == "error")
    assert error["kind"] == "input"
    assert str(tmp_path) not in error["message"]
