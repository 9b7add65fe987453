"""Networks of full size with random weights, in every contestant's own model folder.

Speed and memory do not depend on the values of the weights. They are made once and kept under var/bench; the same files
serve all: SFA and Demucs read the folder as a repository; python-audio-separator finds its list of models there, too, and
so fetches nothing.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from demucs.htdemucs import HTDemucs
from demucs.states import save_with_checksum

SOURCES = ["drums", "bass", "other", "vocals"]
ONE, FOUR = "bench_ht", "bench_ft"
_TINY = {"channels": 4, "dconv_comp": 4, "t_layers": 1, "t_heads": 2, "t_hidden_scale": 1, "bottom_channels": 0}  # fmt: skip


def folder(base: Path, tiny: bool) -> Path:
    """The folder with both models: one network, and a bag of four with a network a stem (as htdemucs_ft is)."""
    place = base / ("networks-tiny" if tiny else "networks")
    if (place / f"{FOUR}.yaml").is_file():
        return place
    place.mkdir(parents=True, exist_ok=True)
    names = [_save(place, f"bench{number}", _network(number, tiny)) for number in range(4)]
    (place / f"{ONE}.yaml").write_text("models: ['bench0']\n")
    files = {f"{ONE}.yaml": f"{ONE}.yaml", names[0]: names[0]}
    kinds = ("vr", "mdx", "mdx23c", "roformer", "demucs")
    lists: dict[str, Any] = {f"{kind}_download_list": {} for kind in kinds}
    lists |= {f"{kind}_download_vip_list": {} for kind in kinds}
    lists["demucs_download_list"] = {"Demucs v4: bench": files}
    (place / "download_checks.json").write_text(json.dumps(lists))
    rows = ", ".join(str([float(i == j) for j in range(4)]) for i in range(4))
    (place / f"{FOUR}.yaml").write_text(
        f"models: ['bench0', 'bench1', 'bench2', 'bench3']\nweights: [{rows}]\n"
    )
    return place


def _network(seed: int, tiny: bool) -> Any:
    torch.manual_seed(seed)
    size: dict[str, Any] = _TINY if tiny else {"bottom_channels": 512}
    segment = Fraction(2) if tiny else Fraction(39, 5)
    return HTDemucs(SOURCES, dconv_mode=3, segment=segment, samplerate=44100, **size).half()


def _save(place: Path, signature: str, model: Any) -> str:
    args, kwargs = model._init_args_kwargs
    state = {name: value.clone() for name, value in model.state_dict().items()}
    package = {"klass": type(model), "args": args, "kwargs": kwargs, "state": state, "training_args": {}}  # fmt: skip
    save_with_checksum(package, place / f"{signature}.th")
    return next(place.glob(f"{signature}-*.th")).name
