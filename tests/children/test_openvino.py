"""Networks as OpenVINO runs them: as near to torch as promised, in as little memory."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from demucs.htdemucs import HTDemucs
from torch import nn

from sfa.jobs.resources import environment
from sfa.ports import protocol
from sfa.ports.child import Cancelled
from sfa.ports.children import engines
from tests.children import models

if os.environ.get("CI") != "true":
    pytest.importorskip("openvino")
from sfa.ports.children import openvino_engine, openvino_graph

TINY: dict[str, Any] = {
    "channels": 8, "dconv_comp": 4, "dconv_mode": 3, "t_layers": 3, "t_heads": 2, "t_hidden_scale": 1,
    "bottom_channels": 0, "segment": Fraction(2), "samplerate": 44100,
}  # fmt: skip


def network(**changes: Any) -> Any:
    """A tiny network whose norms and layer scales do something, as they do once they are trained."""
    torch.manual_seed(3)
    model = HTDemucs(**{"sources": models.SOURCES, **TINY, **changes}).eval()
    for module in model.modules():
        if type(module).__name__ == "LayerScale":
            module.scale.data = torch.randn_like(module.scale)
        if isinstance(module, nn.GroupNorm | nn.LayerNorm):
            module.weight.data = 1 + 0.3 * torch.randn_like(module.weight)
            module.bias.data = 0.3 * torch.randn_like(module.bias)
    return model


def saved(folder: Path, model: Any) -> tuple[Any, list[Path]]:
    """It as the models' shelf would have it."""
    model.weights_file = models.save(folder, "one", model)
    return model, [model.weights_file]


def music(count: int = 1, seconds: float = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(count, 2, int(44100 * seconds), generator=generator)
    return noise * torch.linspace(0.1, 1, noise.shape[-1]) + 0.1


def decibels(truth: torch.Tensor, guess: torch.Tensor) -> float:
    return float(10 * torch.log10(((truth - guess) ** 2).sum() / (truth**2).sum() + 1e-30))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"bottom_channels": 32},
        {"dconv_mode": 1},
        {"dconv_mode": 0, "freq_emb": 0},
        {"t_layers": 0},
        {"t_cross_first": True, "t_norm_out": False, "t_layer_scale": False},
        {"sources": ["drums", "bass", "other", "vocals", "guitar", "piano"]},
        {"segment": Fraction(7, 4)},
    ],
    ids=str,
)
def test_every_form_of_the_network_comes_out_as_torch_computes_it(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    model, paths = saved(tmp_path, network(**changes))
    segments = music(2, float(model.segment))
    with torch.no_grad():
        truth = model(segments)
        # Some of it counts: a network whose branches were all but off would prove nothing.
        assert truth.std() > 1e-3
    engine = openvino_engine.OpenVinoEngine(model, paths, False, 1, lambda: None)
    assert engine.name == "openvino float32 cpu"
    assert decibels(truth, engine(segments)) < -95


def test_the_norm_that_is_computed_ahead_is_the_norm(tmp_path: Path) -> None:
    """Also where the mean is far above the deviation."""
    model = network(t_layers=0)
    for module in model.modules():
        if type(module).__name__ == "DConv":
            for layer in module.layers:
                layer[3].bias.data += 20
    model, paths = saved(tmp_path, model)
    with torch.no_grad():
        truth = model(music())
    engine = openvino_engine.OpenVinoEngine(model, paths, False, 1, lambda: None)
    assert decibels(truth, engine(music())) < -80


@pytest.mark.parametrize(
    "changes",
    [{"norm_starts": 0}, {"rewrite": False}, {"t_emb": "scaled"}, {"t_norm_first": False}, {"cac": False}],
    ids=str,
)  # fmt: skip
def test_what_was_never_released_is_left_to_torch(tmp_path: Path, changes: dict[str, Any]) -> None:
    model, paths = saved(tmp_path, HTDemucs(**{"sources": models.SOURCES, **TINY, **changes}))
    assert not openvino_graph.can(model)
    engine = engines.make(model, paths, "cpu", "fast", 1, print)
    assert engine.name == "torch float32 cpu"
    assert not openvino_graph.can(models.hdemucs())


def test_torchs_weights_go_and_come_back(tmp_path: Path) -> None:
    model, paths = saved(tmp_path, network())
    with torch.no_grad():
        truth = engines.make(model, paths, "cpu", "exact", 1, print)(music())
    fast = engines.make(model, paths, "cpu", "fast", 1, print)
    assert sum(value.numel() for value in model.parameters()) == 0
    near = fast(music())
    # Compiled once: a second request asks for no weights.
    kept = model.compiled[1]
    assert torch.equal(engines.make(model, paths, "cpu", "fast", 1, print)(music()), near)
    assert model.compiled[1] is kept
    assert torch.equal(engines.make(model, paths, "cpu", "exact", 1, print)(music()), truth)
    assert sum(value.numel() for value in model.parameters()) > 0
    assert model.compiled is None
    engines.make(model, paths, "cpu", "fast", 1, print)
    assert sum(value.numel() for value in model.parameters()) == 0


def test_what_earlier_versions_converted_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".openvino").mkdir()
    (tmp_path / ".openvino" / "a.bin").write_bytes(b"x")
    model, paths = saved(tmp_path, network())
    openvino_engine.OpenVinoEngine(model, paths, False, 1, lambda: None)
    assert [path.name for path in tmp_path.iterdir()] == [paths[0].name]


class Slow:
    """A request that is not done when it is waited for."""

    def __init__(self) -> None:
        self.cancelled = False

    def start_async(self, _inputs: Any) -> None: ...

    def wait_for(self, _milliseconds: int) -> bool:
        return False

    def cancel(self) -> None:
        self.cancelled = True


def test_a_cancel_stops_the_network_within_a_segment(tmp_path: Path) -> None:
    def check() -> None:
        raise Cancelled

    model, paths = saved(tmp_path, network())
    engine = openvino_engine.OpenVinoEngine(model, paths, False, 1, check)
    engine._request = Slow()
    with pytest.raises(Cancelled):
        engine(music())
    assert engine._request.cancelled


def test_a_network_of_full_size_is_as_near_and_as_small_as_promised(tmp_path: Path) -> None:
    """Each in a process of its own, in the environment that a worker gives it; the weights are random, the size is htdemucs's."""
    torch.manual_seed(0)
    full = HTDemucs(
        models.SOURCES, bottom_channels=512, dconv_mode=3, segment=Fraction(39, 5), samplerate=44100
    )
    models.save(tmp_path, "full", full.half())
    soundfile.write(tmp_path / "song.wav", music(1, 5)[0].T.numpy() * 0.2, 44100, subtype="FLOAT")
    request = {"audio": str(tmp_path / "song.wav"), "model": "full", "models": str(tmp_path)}
    precisions = ("fast", "fastest", "exact")
    answers: dict[str, dict[str, Any]] = {}
    for one in precisions:
        line = protocol.encode(
            protocol.Request(
                one, "separate", {**request, "precision": one, "out": str(tmp_path / one)}
            )
        )
        done = subprocess.run(
            [sys.executable, "-m", "sfa.ports.children.demucs_runner"], input=line, capture_output=True, check=True,
            env=environment("demucs_runner", "cpu", 1), timeout=600,
        )  # fmt: skip
        frames = [json.loads(line) for line in done.stdout.splitlines()]
        answers |= {frame["id"]: frame for frame in frames if frame["type"] == "result"}
    stems = {
        one: np.stack(
            [soundfile.read(tmp_path / one / f"{stem}.wav")[0] for stem in models.SOURCES]
        )
        for one in precisions
    }
    truth = torch.from_numpy(stems["exact"])
    assert answers["fast"]["runtime"] == "openvino float32 cpu"
    assert decibels(truth, torch.from_numpy(stems["fast"])) < -80
    assert decibels(truth, torch.from_numpy(stems["fastest"])) < -45
    # Megabytes; what a child keeps of a network that it ran before is not this one's.
    limits = {"fast": 1400, "fastest": 1400, "exact": 1600}
    peaks = {one: answer["peak_bytes"] / 1e6 for one, answer in answers.items()}
    assert {one: peak for one, peak in peaks.items() if peak > limits[one]} == {}
