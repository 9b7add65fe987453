"""Decode a file to its end, to know that it is audio and how long it is.

    echo '{"op":"check","audio":"song.mp3"}' | python -m sfa.ports.children.audio_check

Op ``check``: audio (a path). Result: duration_ms, sample_rate, channels, and peak (0..1): what was really decoded,
whatever the file's head claims. Errors are input: a file that is damaged at its beginning, empty, or no audio.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sfa.ports.child import Call, InputError, Op, serve


def load() -> Mapping[str, Op]:
    """Import what reads audio."""
    from sfa.ports.children.audio import Track

    def check(call: Call) -> Mapping[str, Any]:
        with Track(Path(call.text("audio")), call) as track:
            frames, peak = 0, 0.0
            for block in track.blocks():
                frames += len(block)
                peak = max(peak, float(abs(block).max(initial=0.0)))
                call.progress(100 * frames / max(track.frames, frames, 1), "decoding")
            if frames == 0:
                raise InputError("the file holds no sound")
            return {
                "duration_ms": round(1000 * frames / track.sample_rate),
                "sample_rate": track.sample_rate,
                "channels": track.channels,
                "peak": peak,
            }

    return {"check": check}


if __name__ == "__main__":
    serve("audio_check", "1", load)
