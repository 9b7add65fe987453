"""Stems that grow, are interrupted, and are given their form."""

import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
import torch

from sfa.ports import protocol
from sfa.ports.child import Call, Cancelled, InputError, ResourceError
from sfa.ports.children import cores, demucs_models, encoders, engines, separation
from sfa.ports.children.checks import Checks
from sfa.ports.children.encoders import Encoder
from sfa.ports.children.engines import TorchEngine
from sfa.ports.children.growing import Growing
from tests.children import models, music

RATE = 44100


def noise(frames: int, seed: int = 1) -> music.Samples:
    return (np.random.default_rng(seed).standard_normal((frames, 2)) * 0.1).astype(np.float32)


# Formats


def test_the_same_work_gives_the_same_bytes_at_any_time(tmp_path: Path) -> None:
    """A float WAV carries the time of its writing; a stem's must not."""
    with Encoder(tmp_path / "a.wav", "wav", 32, RATE, 1000) as encoder:
        encoder.write(noise(1000))
    written = (tmp_path / "a.wav").read_bytes()
    at = written.find(b"PEAK")
    assert at > 0
    assert written[at + 12 : at + 16] == bytes(4)


@pytest.mark.parametrize(
    ("form", "bits", "subtype", "error"),
    [
        ("wav", 32, "FLOAT", 0),
        ("wav", 24, "PCM_24", 2**-23),
        ("wav", 16, "PCM_16", 2**-15),
        ("flac", 24, "PCM_24", 2**-23),
        ("flac", 16, "PCM_16", 2**-15),
    ],
)
def test_what_is_written_is_what_was_given(
    tmp_path: Path, form: str, bits: int, subtype: str, error: float
) -> None:
    samples = noise(5000)
    with Encoder(tmp_path / "x", form, bits, RATE, 5000) as encoder:
        encoder.write(samples[:100])
        encoder.write(samples[100:])
    assert soundfile.info(tmp_path / "x").subtype == subtype
    back, _ = soundfile.read(tmp_path / "x", dtype="float32")
    assert np.abs(back - samples).max() <= error


def test_an_mp3_is_in_sync_to_the_sample_in_both_decoders(tmp_path: Path) -> None:
    t = np.arange(2 * RATE) / RATE
    sweep = np.sin(2 * np.pi * (100 * t + 1500 * t * t)).astype(np.float32) * 0.5
    samples = np.stack([sweep, sweep], axis=1)
    path = tmp_path / "x.mp3"
    with Encoder(path, "mp3", 16, RATE, len(samples)) as encoder:
        encoder.write(samples)
    one, _ = soundfile.read(path, dtype="float32")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-f", "f32le", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    for back in (one, np.frombuffer(raw, "<f4").reshape(-1, 2)):
        assert len(back) == len(samples)
        # A shift of one sample would leave -20 dB of this sweep.
        rest = np.sum((back - samples) ** 2) / np.sum(samples**2)
        assert 10 * np.log10(rest) < -30


def test_a_form_that_cannot_be_is_refused() -> None:
    for form, bits in (("aac", None), ("flac", 32), ("mp3", 16), ("wav", "16")):
        with pytest.raises(InputError):
            encoders.checked(form, bits)


# Interruption


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    models.bag(folder, "pair", [models.htdemucs(1), models.hdemucs(2)], segment=2)
    demucs_models.shelf.clear()
    return folder


class Killed(BaseException):
    pass


def call(args: dict[str, Any], frames: list[Any], kill_at: int = 0) -> Call:
    """A call whose process dies with the given checkpoint."""

    def send(frame: Any) -> None:
        frames.append(frame)
        if sum(isinstance(one, protocol.Checkpoint) for one in frames) == kill_at > 0:
            raise Killed

    return Call(protocol.Request("1", "test", args), send)


def checkpoints(frames: list[Any]) -> list[Any]:
    return [frame.data for frame in frames if isinstance(frame, protocol.Checkpoint)]


@pytest.mark.parametrize("kill_at", [1, 3])
def test_a_killed_separation_goes_on_where_it_was_to_the_same_bytes(
    song: Path, folder: Path, tmp_path: Path, kill_at: int
) -> None:
    request = {"audio": str(song), "model": "pair", "models": str(folder), "pieces": True}
    request["stems"] = ["drums", "bass", "other", "vocals", "no_vocals"]
    whole: list[Any] = []
    first = separation.separate(call({**request, "out": str(tmp_path / "a")}, whole))
    begun: list[Any] = []
    broken = {**request, "out": str(tmp_path / "b"), "work": str(tmp_path / "work")}
    with pytest.raises(Killed):
        separation.separate(call(broken, begun, kill_at))
    # What the dead one had begun to write beyond its last state does not count.
    with (tmp_path / "work" / "vocals.f32").open("ab") as file:
        file.write(b"half a fra")
    again: list[Any] = []
    broken["resume"] = checkpoints(begun)[-1]
    second = separation.separate(call(broken, again))
    assert second["resumed_ms"] > 0
    drop = {"seconds", "peak_bytes", "resumed_ms", "work_seconds", "work_audio"}
    assert {k: v for k, v in first.items() if k not in drop} == {
        k: v for k, v in second.items() if k not in drop
    }
    for stem in first["stems"]:
        assert (tmp_path / "a" / stem["file"]).read_bytes() == (
            tmp_path / "b" / stem["file"]
        ).read_bytes()
    # Not a piece twice, none left out; and they are playable, in order, to the sample.
    told = [data["piece"] for data in checkpoints(begun) + checkpoints(again)]
    assert told == [data["piece"] for data in checkpoints(whole)]
    assert sum(piece["frames"] for piece in told) == soundfile.info(song).frames
    assert not (tmp_path / "work").exists()


def test_pieces_are_files_of_their_own(song: Path, folder: Path, tmp_path: Path) -> None:
    request = {"audio": str(song), "model": "pair", "models": str(folder), "pieces": True}
    request |= {"out": str(tmp_path / "a"), "work": str(tmp_path / "work"), "stems": ["bass"]}
    frames: list[Any] = []
    with pytest.raises(Killed):
        separation.separate(call(request, frames, 2))
    pieces = [data["piece"] for data in checkpoints(frames)]
    for piece in pieces:
        samples, rate = soundfile.read(tmp_path / "work" / piece["files"]["bass"])
        assert (len(samples), rate) == (piece["frames"], piece["rate"])
    assert [piece["first"] for piece in pieces] == [0, pieces[0]["frames"]]


@pytest.mark.parametrize(
    "change", [{"overlap": 0.1}, {"stems": ["bass"]}, {"recipe": "other"}, {"resume": None}]
)
def test_another_work_starts_afresh(
    song: Path, folder: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    request: dict[str, Any] = {"audio": str(song), "model": "pair", "models": str(folder)}
    request |= {"out": str(tmp_path / "a"), "work": str(tmp_path / "work"), "resume": {"frames": 1}}
    with pytest.raises(Killed):
        separation.separate(call(request, [], 1))
    assert separation.separate(call({**request, **change}, []))["resumed_ms"] == 0


def test_an_earlier_attempt_that_still_works_keeps_its_successor_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfa.ports.children.growing.LOCK_SECONDS", 0.0)
    with Growing(tmp_path / "work", ["bass"], RATE, 10, 1, music.call()) as growing:
        growing.append({"bass": noise(10)}, {})
        with (
            pytest.raises(ResourceError, match="still works"),
            Growing(tmp_path / "work", ["bass"], RATE, 10, 1, music.call({"resume": {}})),
        ):
            pass
        assert (tmp_path / "work" / "bass.f32").stat().st_size == 80


# Checks


def test_the_checks_find_what_is_wrong() -> None:
    drums, bass, silence = noise(RATE, 1), noise(RATE, 2) * 20, np.zeros((RATE, 2), np.float32)
    leaky = noise(RATE, 3) + 0.5 * drums
    checks = Checks(["drums", "bass", "other", "vocals"], complete=True)
    stems = {"drums": drums, "bass": bass, "other": silence, "vocals": leaky}
    mix = drums + bass + leaky
    checks.feed(mix[:1000], {name: stem[:1000] for name, stem in stems.items()})
    going_on = Checks(checks.names, complete=True)
    going_on.restore(checks.state)
    going_on.feed(mix[1000:], {name: stem[1000:] for name, stem in stems.items()})
    assert going_on.of("other") == {"clipped": 0, "silent": True, "leakage_db": None}
    assert going_on.of("bass")["clipped"] == np.count_nonzero(np.abs(bass) > 1)
    # Of the vocals' energy a fifth is drums.
    assert going_on.of("vocals")["leakage_db"] == pytest.approx(-7, abs=0.3)
    assert going_on.of("bass")["leakage_db"] < -35
    assert going_on.residual_db is not None
    assert going_on.residual_db < -120
    wrong = Checks(["drums"], complete=True)
    wrong.feed(drums * 2, {"drums": drums})
    assert wrong.residual_db == pytest.approx(-6.02, abs=0.01)


# Engines, devices, cores


class Narrow(torch.nn.Module):
    """A stand-in for a GPU whose memory takes two segments."""

    samplerate, segment = 100, 1

    def forward(self, segments: torch.Tensor) -> torch.Tensor:
        if len(segments) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return segments[:, None] * 2

    room = 2


def on_a_gpu(model: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[TorchEngine, list[str]]:
    moves: list[str] = []
    model.to = lambda device: moves.append(device)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (80 << 30, 80 << 30))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *_: self)
    log: list[str] = []
    return TorchEngine(model, "cuda", None, log.append), log


def test_a_gpu_that_runs_out_of_memory_takes_smaller_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, log = on_a_gpu(Narrow(), monkeypatch)
    assert engine.batch == engines.MAX_BATCH
    segments = torch.randn(7, 2, 5)
    assert torch.equal(engine(segments), segments[:, None] * 2)
    assert engine.batch == 2
    assert log[-1] == "the GPU's memory is short; 2 segments at a time"
    assert engine.name == "torch float32 cuda"


def test_a_gpu_that_cannot_hold_one_segment_hands_over_to_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Narrow()
    model.room = 0
    engine, log = on_a_gpu(model, monkeypatch)

    def moved(device: str) -> None:
        model.room = 9 if device == "cpu" else 0

    model.to = moved  # type: ignore[assignment]
    segments = torch.randn(3, 2, 5)
    assert torch.equal(engine(segments), segments[:, None] * 2)
    assert "goes on on the CPU" in log[-1]
    assert engine.name == "torch float32 cpu"


def test_batches_make_no_difference_to_speak_of() -> None:
    from demucs.apply import BagOfModels, apply_model

    from sfa.ports.children import streaming
    from tests.children.test_separation import heard

    bag = BagOfModels([models.htdemucs()]).eval()
    mix = torch.randn(2, 6 * RATE)
    theirs = apply_model(bag, mix[None], shifts=0, overlap=0.25)[0]

    def three(model: Any) -> TorchEngine:
        engine = TorchEngine(model, "cpu", None, print)
        engine.batch = 3
        return engine

    parts = streaming.networks(bag, models.SOURCES, 6 * RATE, 0.25, three)
    pieces = streaming.Mix(iter(torch.split(mix, 9999, -1)), 6 * RATE)
    ours = torch.cat(
        [piece for _, _, piece in streaming.apply(bag, pieces, models.SOURCES, parts, heard)], -1
    )
    assert (ours - theirs).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("precision", "within"), [("exact", -200), ("fast", -80), ("fastest", -40)]
)
def test_each_precision_is_as_near_as_it_says(
    song: Path, tmp_path: Path, precision: str, within: float
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    models.bag(folder, "one", [models.htdemucs(1)])
    request = {"audio": str(song), "model": "one", "models": str(folder), "stems": ["vocals"]}
    exact = separation.separate(call({**request, "out": str(tmp_path / "a")}, []))
    other = separation.separate(
        call({**request, "out": str(tmp_path / "b"), "precision": precision}, [])
    )
    one, _ = soundfile.read(tmp_path / "a" / "vocals.wav")
    two, _ = soundfile.read(tmp_path / "b" / "vocals.wav")
    assert exact["runtime"] == "torch float32 cpu"
    error = 10 * np.log10(np.sum((one - two) ** 2) / np.sum(one**2) + 1e-30)
    assert error < within, other["runtime"]
    assert not list(folder.glob(".*"))


def test_a_device_that_is_not_here_is_refused() -> None:
    assert engines.device("cpu") == "cpu"
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no cuda"):
            engines.device("cuda")
    with pytest.raises(InputError, match="device"):
        engines.device("tpu")


def test_cores_are_shared_by_those_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    with cores.share(tmp_path) as threads:
        assert threads() == 8
        program = (
            "import sys\nfrom pathlib import Path\nfrom sfa.ports.children import cores\n"
            f"with cores.share(Path({str(tmp_path)!r})):\n    print('in', flush=True)\n    sys.stdin.read()"
        )
        import sys

        with subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"in\n"
            assert threads() == 4
            other.kill()
            other.wait()
        assert threads() == 8


def test_cancel_leaves_what_can_be_resumed(song: Path, folder: Path, tmp_path: Path) -> None:
    request = {"audio": str(song), "model": "pair", "models": str(folder)}
    request |= {"out": str(tmp_path / "out"), "work": str(tmp_path / "work")}
    frames: list[Any] = []
    one = call(request, frames)
    send = one._send

    def sent(frame: Any) -> None:
        send(frame)
        if isinstance(frame, protocol.Checkpoint):
            one.cancelled.set()

    one._send = sent
    with pytest.raises(Cancelled):
        separation.separate(one)
    assert (tmp_path / "work" / "state.npz").exists()
    assert not list((tmp_path / "out").glob("*.wav"))
