"""A child that says how far it is at a given pace, and when it said so; runs in the place of the analyzer.

Op ``tell``: frames, every (seconds between two), step (per cent a frame), out (the file for what it said, and when, by the
monotonic clock that all processes share).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sfa.ports.child import Call, serve

LINGER = 1.0


def tell(call: Call) -> Mapping[str, Any]:
    """Send the frames."""
    told: list[tuple[float, float]] = []
    for number in range(1, int(call.args["frames"]) + 1):
        time.sleep(float(call.args["every"]))
        percent = number * float(call.args["step"])
        before, now = call._sent, time.monotonic()
        call.progress(percent, "telling")
        if call._sent is not before:  # the loop lets out ten frames a second at most
            told.append((percent, now))
    # The end of the job would otherwise overtake the last frame.
    time.sleep(LINGER)
    Path(call.text("out")).write_text(json.dumps(told))
    return {}


if __name__ == "__main__":
    serve("teller", "1", {"tell": tell})
