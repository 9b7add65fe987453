"""A child that gets half-way, leaves a checkpoint and dies; given the checkpoint back, it finishes."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

from sfa.ports.child import Call, serve


def go(call: Call) -> Mapping[str, Any]:
    """Die after the third checkpoint, or say where this run began."""
    if resume := call.args.get("resume"):
        return {"began_at": resume["block"]}
    for block in (1, 2, 3):
        call.checkpoint({"block": block})
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


if __name__ == "__main__":
    serve("resumer", "1", {"go": go})
