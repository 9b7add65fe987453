"""Take a person's own models in: a folder in Demucs's own repository format becomes models that jobs can name.

A bag is NAME.yaml beside its ``signature-hash.th`` files; a file that no bag names is a model by its signature. Every
file is checked against the hash in its name, and every model is loaded by the separator's child, which takes only
tensors and Demucs's own classes out of it (`sfa.ports.children.demucs_models`), before anything is copied.
Limits: names of lower-case letters, digits, ``_``, ``.`` and ``-``; the released models' names are not to be taken; stereo
models; quantised ones are refused.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sfa import weights
from sfa.ask import ask
from sfa.errors import InputError

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
STEM: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
Load = Callable[[str, Path], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Own:
    """A model of a person's own.

    Options:
        stems: in the model's order.
        networks: how many it runs.
        apart: whether each makes one stem.
        memory: bytes it takes.
        files: its yaml, if it has one, and its weights.
    """

    name: str
    stems: list[str]
    networks: int
    apart: bool
    memory: int
    files: tuple[Path, ...]


def load(name: str, folder: Path) -> Mapping[str, Any]:
    """Have the separator's child load a model and say what it is. Takes some seconds."""
    return ask("demucs_runner", "load", model=name, models=str(folder.resolve()))


def examine(folder: Path, wanted: str = "", loader: Load = load) -> list[Own]:
    """Everything in the folder, or one model of it; `InputError` names the first thing that is wrong."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    damaged = [found for found in weights.verify(folder) if found.verdict == "damaged"]
    if damaged:
        raise InputError(f"{damaged[0].file} is damaged: its hash is not the one in its name")
    names = _names(folder)
    if wanted and wanted not in names:
        raise InputError(f"{folder} holds {', '.join(names) or 'no models'}, not {wanted!r}")
    if not names:
        raise InputError(
            f"{folder} holds no models: give NAME.yaml files and signature-hash.th files"
        )
    return [_examined(name, folder, loader) for name in ([wanted] if wanted else names)]


def copy(model: Own, target: Path) -> None:
    """Put its files among the others, the definition last: a model that can be seen is whole."""
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(model.files, key=lambda file: file.suffix == ".yaml"):
        partial = target / f".{file.name}.{os.getpid()}.part"
        try:
            shutil.copyfile(file, partial)
            partial.replace(target / file.name)
        finally:
            partial.unlink(missing_ok=True)


def _names(folder: Path) -> list[str]:
    bags = sorted(path.stem for path in folder.glob("*.yaml"))
    members = {signature for bag in bags for signature in weights.members(bag, folder)}
    signatures = {path.stem.partition("-")[0] for path in folder.glob("*.th")}
    return [*bags, *sorted(signatures - members)]


def _examined(name: str, folder: Path, loader: Load) -> Own:
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be a model's name: lower-case letters, digits, '_', '.', '-'; rename its yaml"
        )
    if name in weights.MODELS or name == "spectral":
        raise InputError(f"{name} is the name of a released model: rename {name}.yaml")
    told = loader(name, folder)
    stems = list(told["sources"])
    if wrong := [stem for stem in stems if not STEM.fullmatch(stem)]:
        raise InputError(f"{name} makes a stem {wrong[0]!r}, which cannot be a stem's name here")
    signatures = weights.members(name, folder)
    files = [
        path for path in sorted(folder.glob("*.th")) if path.stem.partition("-")[0] in signatures
    ]
    definition = folder / f"{name}.yaml"
    parts = (definition, *files) if definition.is_file() else tuple(files)
    return Own(name, stems, told["networks"], told["apart"], told["memory_bytes"], parts)
