"""Write a file's waveform for zooming: the extremes of every hundredth of a second over all channels.

The output is a file, not a frame: two bytes a column are 1.4 MB for two hours. First every column's lowest value, then
every column's highest, a byte each: 128 is zero, 1 and 255 are full scale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sfa.ports.child import Call, InputError
from sfa.ports.children.audio import Track
from sfa.ports.children.levels import Meter

PER_SECOND: Final = 100
BLOCK: Final = 1 << 18


def waveform(call: Call) -> dict[str, Any]:
    """Answer a ``waveform`` request: audio and out (paths). The result says how many columns, and how many a second."""
    out = Path(call.text("out"))
    with Track(Path(call.text("audio")), call) as track:
        columns = max(1, -(-track.frames * PER_SECOND // track.sample_rate))
        meter = Meter(track.frames, columns)
        for block in track.blocks(BLOCK):
            meter.feed(block)
            call.progress(100 * min(1.0, meter.seen / max(1, track.frames)), "waveform")
        if not meter.seen:
            raise InputError(f"{track.name} holds no sound; give a file with sound in it")
    lows, highs = meter.extremes()
    out.write_bytes(lows + highs)
    return {"columns": len(lows), "per_second": PER_SECOND}
