"""Look at a finished audio file, or cut a piece out of one.

Op ``measure``: audio. The result: duration_ms, sample_rate, channels, rms_db, peak_db, peaks, clipped, silent: what a
stem's row says. The whole file is decoded: one that is damaged is refused here.
Op ``clip``: audio, start and seconds, out. Writes FLAC with 24 bits in stereo, at the file's own rate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sfa.ports.child import Call, InputError
from sfa.ports.children.audio import Track
from sfa.ports.children.checks import SILENT_DB
from sfa.ports.children.encoders import Encoder
from sfa.ports.children.levels import Meter


def measure(call: Call) -> dict[str, Any]:
    """Decode all of it, and say what it is."""
    clipped = 0
    with Track(Path(call.args["audio"]), call) as track:
        meter = Meter(track.frames)
        for block in track.blocks():
            call.check()
            meter.feed(block)
            clipped += int(np.count_nonzero(np.abs(block) > 1))
            call.progress(100 * min(1.0, meter.seen / track.frames), "measuring")
        rate, channels = track.sample_rate, track.channels
    return {
        "duration_ms": round(1000 * meter.seen / rate),
        "sample_rate": rate,
        "channels": channels,
        "rms_db": meter.rms_db,
        "peak_db": meter.peak_db,
        "peaks": meter.peaks(),
        "clipped": clipped,
        "silent": meter.rms_db is None or meter.rms_db < SILENT_DB,
    }


def clip(call: Call) -> dict[str, Any]:
    """Write the piece; the result says where it begins and how long it became."""
    wanted = float(call.args["seconds"])
    with Track(Path(call.args["audio"]), call) as track:
        rate = track.sample_rate
        # Without a start: the middle, where a song is itself.
        start = call.args.get("start")
        first = max(0.0, (track.seconds - wanted) / 2) if start is None else float(start)
        begin = round(first * rate)
        end = min(track.frames, begin + round(wanted * rate))
        if begin >= end:
            raise InputError(f"the piece begins after the file's end ({track.seconds:.0f} s)")
        at = 0
        with Encoder(Path(call.args["out"]), "flac", 24, rate, end - begin) as encoder:
            for block in track.stereo():
                call.check()
                encoder.write(block[max(0, begin - at) : max(0, end - at)])
                at += len(block)
                if at >= end:
                    break
    return {"start_ms": round(1000 * begin / rate), "seconds": (end - begin) / rate}
