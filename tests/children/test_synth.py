"""Render through the port, as bin/sfa run does without a file."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sfa.features import CAMELOT
from sfa.ports.child import InputError
from sfa.ports.children import instruments, score, synth
from sfa.ports.children.score import Score
from tests.children import music


def render(out: Path, **args: Any) -> dict[str, Any]:
    return synth.render(music.call({"out": str(out), **args}))


def test_the_stems_add_up_to_the_mix(tmp_path: Path) -> None:
    answer = render(tmp_path, seconds=6, bpm=100, key="F# minor", seed=4)
    mix, rate = soundfile.read(tmp_path / answer["mix"])
    stems = [soundfile.read(tmp_path / name)[0] for name in answer["stems"].values()]
    assert rate == answer["sample_rate"]
    assert mix.shape == (6 * rate, 2)
    assert np.abs(mix - np.sum(stems, axis=0)).max() < 1e-6
    assert set(answer["stems"]) == set(score.STEMS)
    assert np.diff(answer["beats"]) == pytest.approx(0.6)
    assert all(np.sqrt(np.mean(stem**2)) > 0.01 for stem in stems)


@pytest.mark.parametrize("key", CAMELOT)
def test_no_key_clips(key: str) -> None:
    pitch, mode = key.split()
    tonic = [name.split()[0] for name in CAMELOT].index(pitch)
    mix = music.mix(Score(seconds=5, bpm=150, tonic=tonic, minor=mode == "minor"))
    assert np.abs(mix).max() < 1


def test_the_seed_decides(tmp_path: Path) -> None:
    one, same, other = (instruments.drums(Score(seconds=4, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    "args", [{"bpm": 0}, {"seconds": "x"}, {"key": "H major"}, {"seconds": True}, {"seed": -1}]
)
def test_wrong_arguments_are_named(tmp_path: Path, args: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f'"{next(iter(args))}"'):
        render(tmp_path, **args)


def test_by_hand_through_a_pipe(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sfa.ports.children.synth"],
        input=json.dumps({"op": "render", "out": str(tmp_path), "seconds": 4}).encode(),
        capture_output=True,
        timeout=60,
        check=True,
        env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"},
    )
    frames = [json.loads(line) for line in done.stdout.splitlines()]
    assert frames[0]["ops"] == ["render"]
    assert frames[-2]["key"] == "A minor"
    assert (tmp_path / "mix.wav").exists()
