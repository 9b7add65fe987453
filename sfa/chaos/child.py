"""Work for a while and say so in the effects file; the port's program of the "chaos" jobs.

Op ``work``: effects (the file), job, token, and a plan: seconds of work (0), gate (a file: work until it is there),
behaviour (one of those below; good), cure (a file: once it is there, the behaviour is good). What it writes is what
the judge believes.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sfa.chaos.effects import append
from sfa.ports.child import Call, serve

BEAT_SECONDS = 0.05


def work(call: Call) -> Mapping[str, Any]:
    """Answer a ``work`` request."""
    path, token, job = call.text("effects"), call.text("token"), int(call.args["job"])
    behaviour = call.text("behaviour", "good")
    append(path, "start", job, token)
    if (cure := call.args.get("cure")) and Path(cure).exists():
        behaviour = "good"
    if behaviour == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "leaves":
        os._exit(0)
    if behaviour == "kills_its_worker":
        os.kill(os.getppid(), signal.SIGKILL)
    began = time.monotonic()
    gate, seconds = call.args.get("gate"), float(call.args.get("seconds", 0))
    while time.monotonic() - began < seconds or (gate and not Path(gate).exists()):
        time.sleep(BEAT_SECONDS)
        append(path, "beat", job, token)
        if behaviour != "deaf":
            call.progress(min(99, 100 * (time.monotonic() - began) / max(seconds, 1)), "work")
    if behaviour == "errs":
        raise RuntimeError("as it was told to")
    append(path, "end", job, token)
    if behaviour == "dies_after_its_result":
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return {"value": VALUES.get(behaviour, "done")}


# What JSON, jsonb or the protocol's frames can't hold as it is.
VALUES: Mapping[str, object] = {
    "nan": float("nan"),
    "nul": "a\u0000b",
    "surrogate": "\ud800",
    "huge": "x" * (2 << 20),
}

if __name__ == "__main__":
    serve("chaos", "1", {"work": work})
