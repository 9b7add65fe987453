"""Build tiny Demucs models with random weights, in Demucs's own repository format."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
import yaml
from demucs.hdemucs import HDemucs
from demucs.htdemucs import HTDemucs
from demucs.states import save_with_checksum

SOURCES = ["drums", "bass", "other", "vocals"]


def htdemucs(seed: int = 1, sources: list[str] = SOURCES) -> Any:
    torch.manual_seed(seed)
    return HTDemucs(
        sources,
        channels=4,
        dconv_comp=4,
        dconv_mode=3,
        t_layers=1,
        t_heads=2,
        t_hidden_scale=1,
        bottom_channels=0,
        segment=Fraction(2),
        samplerate=44100,
    ).eval()


def hdemucs(seed: int = 2, segment: int = 2) -> Any:
    torch.manual_seed(seed)
    return HDemucs(SOURCES, channels=4, dconv_comp=4, segment=segment, samplerate=44100).eval()


def save(folder: Path, signature: str, model: Any, **extra: Any) -> Path:
    args, kwargs = model._init_args_kwargs
    state = {name: value.clone() for name, value in model.state_dict().items()}
    package = {"klass": type(model), "args": args, "kwargs": kwargs, "state": state}
    save_with_checksum({**package, "training_args": {}, **extra}, folder / f"{signature}.th")
    return next(folder.glob(f"{signature}-*.th"))


def bag(folder: Path, name: str, models: list[Any], **extra: Any) -> None:
    signatures = [f"{name}{number}" for number in range(len(models))]
    for signature, model in zip(signatures, models, strict=True):
        save(folder, signature, model)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({"models": signatures, **extra}))
