"""Name a separation by all that decides its output, so that the same one is made once.

The recipe is the sha256 over the audio's own sha256, the model, the identity of its weights (their hashes), the options
in one order with their defaults filled in, and the version of the arithmetic. What does not change the output (the
device, the title) is not in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VERSIONS = {"demucs": 1, "spectral": 2}
"""Raised when an engine's output changes: what an older version made is not linked any more."""

_CONTENT = re.compile(r"^audio/([0-9a-f]{64})\.\w+$")
_DEFAULTS: dict[str, Any] = {
    "format": "wav",
    "bits": None,
    "precision": "exact",
    "overlap": 0.25,
}


def recipe(
    audio: str, model: str, engine: str, weights: str, stems: list[str], options: Mapping[str, Any]
) -> str:
    """The recipe's name, 64 hexadecimal digits; ``stems`` are those the model makes."""
    parameters = {name: options.get(name, default) for name, default in _DEFAULTS.items()}
    wanted = sorted(set(options.get("stems") or stems))
    ingredients = [audio, model, weights, VERSIONS.get(engine, 0), wanted, parameters]
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()


def content(key: str) -> str:
    """The sha256 of an object whose key holds it, else the key itself: enough to know the same object again."""
    found = _CONTENT.match(key)
    return found[1] if found else key


def audio_identity(key: str, path: Path) -> str:
    """The sha256 of an object: from its key where that holds it, else of the file. May block for long."""
    if found := _CONTENT.match(key):
        return found[1]
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
