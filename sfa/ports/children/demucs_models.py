"""Load Demucs models from a folder in Demucs's own repository format, safely, and keep those used last.

A name is a bag (NAME.yaml beside its ``signature-hash.th`` files; the yaml of released models may
be missing, Demucs's package has it) or one signature. Each file is checked against the hash in its
name and unpickled with ``weights_only``: only tensors and Demucs's own classes come out of it.
Where weights are missing the error says how to get them; nothing is downloaded here.
Limit: quantised models (mdx_q, …) need diffq and are refused.
"""

from __future__ import annotations

import ctypes
import fractions
import pickle
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

import demucs
import torch
import yaml
from demucs.apply import BagOfModels
from demucs.demucs import Demucs
from demucs.hdemucs import HDemucs
from demucs.htdemucs import HTDemucs
from demucs.states import load_model

from sfa.ports.child import InputError, ResourceError
from sfa.ports.shelf import Shelf

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
RELEASED: Final = Path(demucs.__file__).parent / "remote"
CLASSES: Final[list[Any]] = [HTDemucs, HDemucs, Demucs, fractions.Fraction]


def _forget_memory() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


shelf: Final[Shelf[Any]] = Shelf(on_room=_forget_memory)
"""The models that are loaded, as many as its limit allows."""


def get(name: str, folder: Path) -> Any:
    """Return the model as a bag, on the CPU and in evaluation mode."""
    if not NAME.fullmatch(name):
        raise InputError(f"{name[:60]!r} is not the name of a model")
    files = _files(folder)
    if (definition := _definition(name, folder)) is not None:
        bag = _yaml(definition)
        signatures, weights, segment = bag["models"], bag.get("weights"), bag.get("segment")
    else:
        signatures, weights, segment = [name], None, None
    missing = [signature for signature in signatures if signature not in files]
    if missing:
        raise _missing(name, len(missing) if len(signatures) > 1 else 0)
    paths = [files[signature] for signature in signatures]
    key = (name, str(weights), segment, *((str(p), p.stat().st_mtime_ns) for p in paths))

    def load() -> Any:
        model = BagOfModels([_load(path) for path in paths], weights, segment)
        if model.audio_channels != 2:
            raise InputError(f"{name} is not a stereo model; choose another")
        for member, path in zip(model.models, paths, strict=True):
            member.weights_file = path
            member.compiled = None
            member.values = sum(value.numel() for value in member.parameters())
        return model.eval()

    # Released weights are stored in half precision and computed with in single.
    return shelf.get(key, 2 * sum(path.stat().st_size for path in paths), load)


def hollow(member: Any) -> None:
    """Let go of a network's weights, where something else computes with them; `fill` brings them back."""
    for value in member.parameters():
        value.data = torch.empty(0)
    member.hollow = True
    release()


def release() -> None:
    """Give the system back what is free: it stays with the process otherwise, as the allocator is told for activations."""
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def fill(member: Any) -> None:
    """Bring the weights back into a network that was made hollow; what was compiled of it goes."""
    member.compiled = None
    if getattr(member, "hollow", False):
        whole = _load(member.weights_file)
        for value, source in zip(member.parameters(), whole.parameters(), strict=True):
            value.data = source.data
        member.hollow = False


def parameters(name: str, folder: Path) -> int:
    """Return about how many values the model's files hold (released ones: two bytes each); 0 if some are missing."""
    files = _files(folder)
    definition = _definition(name, folder)
    signatures = _yaml(definition)["models"] if definition else [name]
    if any(signature not in files for signature in signatures):
        return 0
    return sum(files[signature].stat().st_size for signature in signatures) // 2


@contextmanager
def guard() -> Iterator[None]:
    """Translate torch's out-of-memory errors."""
    try:
        yield
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        raise ResourceError("the GPU has too little memory free; wait for other jobs") from None
    except RuntimeError as error:
        if "can't allocate memory" in str(error) or "not enough memory" in str(error):
            raise ResourceError("out of memory; free some or take a smaller job") from None
        raise


def _files(folder: Path) -> dict[str, Path]:
    """Return the weight files by signature."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return {}
    return {path.stem.split("-")[0]: path for path in entries if path.suffix == ".th"}


def _definition(name: str, folder: Path) -> Path | None:
    places = (folder / f"{name}.yaml", RELEASED / f"{name}.yaml")
    return next((path for path in places if path.is_file()), None)


def _yaml(path: Path) -> dict[str, Any]:
    try:
        bag = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(bag, dict) and bag["models"] and isinstance(bag["models"], list):
            return bag
    except (yaml.YAMLError, UnicodeDecodeError, KeyError):
        pass
    raise InputError(f"{path.name} does not define a bag of models; fetch it again")


def _load(path: Path) -> Any:
    signature, _, checksum = path.stem.partition("-")
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    if checksum and not digest.startswith(checksum):
        raise InputError(f"{path.name} is damaged (its hash is {digest[:8]}); fetch it again")
    try:
        with torch.serialization.safe_globals(CLASSES):
            package = torch.load(path, "cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise InputError(f"{path.name} is not a safe Demucs model: {reason}") from None
    if not isinstance(package, dict) or package.get("klass") not in CLASSES[:3]:
        raise InputError(f"{path.name} is not a Demucs model")
    if package["state"].get("__quantized"):
        raise InputError(f"{signature} is quantised, which needs diffq; choose another model")
    return load_model(package).eval()


def _missing(name: str, count: int) -> InputError:
    what = f"{count} of the weights of {name} are" if count else f"the weights of {name} are"
    return InputError(
        f'{what} not on this machine; run "bin/sfa models fetch {name}", or choose the model '
        '"spectral", which needs none'
    )
