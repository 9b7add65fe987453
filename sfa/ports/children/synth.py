"""Render a short piece of music with known stems, beats and key.

Drums (kick, snare, hats), bass, other (pad and arpeggio, panned) and a formant-shaped lead as
"vocals", over a four-bar progression in the key; every onset lies on an exact grid, so tempo and
beats are true to the sample. The same seed gives the same samples.
Op ``render``: out (folder), seconds 24 (4..600), bpm 120 (40..240), key "A minor", seed 1; it
writes mix.wav and one wav a stem (44.1 kHz, stereo, float) and answers with the truth.
Limit: it is a test piece, not a composer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sfa.ports.child import Call, InputError, Op, serve
from sfa.ports.children.score import RATE, Score


def load() -> Mapping[str, Op]:
    """Import what rendering needs."""
    from sfa.ports.children import instruments  # noqa: F401 - imported before hello

    return {"render": render}


def render(call: Call) -> dict[str, Any]:
    """Answer a ``render`` request."""
    import soundfile

    from sfa.features import CAMELOT, PITCHES
    from sfa.ports.children import instruments

    key = call.args.get("key", "A minor")
    if key not in CAMELOT:
        raise InputError('"key" must be one of 24 like "C major" or "F# minor"')
    pitch, mode = key.split()
    score = Score(
        seconds=_number(call, "seconds", 24, 4, 600),
        bpm=_number(call, "bpm", 120, 40, 240),
        tonic=PITCHES.index(pitch),
        minor=mode == "minor",
        seed=int(_number(call, "seed", 1, 0, 2**31)),
    )
    out = Path(call.text("out"))
    out.mkdir(parents=True, exist_ok=True)
    call.progress(0, "rendering")
    stems = instruments.render(score, lambda percent: call.progress(percent * 0.9, "rendering"))
    call.progress(90, "writing")
    files = {}
    for name, samples in {"mix": sum(stems.values()), **stems}.items():
        partial = out / f".{name}.wav.part"
        soundfile.write(partial, samples, RATE, subtype="FLOAT", format="WAV")
        partial.replace(out / f"{name}.wav")
        files[name] = f"{name}.wav"
        call.check()
    return {
        "mix": files.pop("mix"),
        "stems": files,
        "bpm": score.bpm,
        "key": key,
        "beats": [round(beat, 6) for beat in instruments.beats(score)],
        "duration_ms": round(score.seconds * 1000),
        "sample_rate": RATE,
    }


def _number(call: Call, name: str, default: float, low: float, high: float) -> float:
    value = call.args.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f'"{name}" must be a number within {low:g}..{high:g}')
    return float(value)


if __name__ == "__main__":
    serve("synth", "1", load)
