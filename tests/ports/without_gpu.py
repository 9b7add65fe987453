"""A child that lacks the memory wherever it sees a GPU, and says where it worked in the end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from sfa.ports.child import Call, ResourceError, serve

ON_CPU = os.environ.get("CUDA_VISIBLE_DEVICES") == ""


def go(call: Call) -> Mapping[str, Any]:
    """Work on the CPU only."""
    call.progress(50, "work")
    if not ON_CPU:
        raise ResourceError("the GPU has too little memory free")
    return {"threads": os.environ["OMP_NUM_THREADS"]}


if __name__ == "__main__":
    serve("without_gpu", "1", {"go": go}, "cpu" if ON_CPU else "cuda:0")
