"""Separate a track into stems with Demucs, or without weights with ``spectral``.

    echo '{"op":"separate","audio":"song.wav","model":"spectral","out":"stems"}' \\
      | python -m sfa.ports.children.demucs_runner

Ops ``separate``, ``load`` and ``probe``: see ``separation``. Torch is imported when the first Demucs model is
asked for; a loaded model is kept between calls.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path

from sfa.ports.child import Op, serve


def load() -> Mapping[str, Op]:
    """Import all but torch."""
    from sfa.ports.children import separation

    return {"separate": separation.separate, "load": separation.load, "probe": separation.probe}


def device() -> str:
    """Guess torch's device without importing it; each result names the one that was used."""
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return "cpu"
    return "cuda" if "+cpu" not in version and Path("/dev/nvidiactl").exists() else "cpu"


if __name__ == "__main__":
    serve("demucs_runner", "1", load, device())
