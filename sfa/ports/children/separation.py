"""Separate a file into stems, whichever engine the model's name asks for.

``spectral`` needs no weights and never imports torch; any other name is a Demucs model in the
folder of weights. Both read blocks at 44.1 kHz, or the model's own rate, and write stems as they grow.
Op ``separate``: audio, out, model, models (folder of weights, not for spectral), format wav,
stems (those to keep, all by default). Op ``load``: model, models; loads a model ahead of its use.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sfa.ports.child import Call, InputError
from sfa.ports.children import spectral
from sfa.ports.children.audio import Block, Track
from sfa.ports.children.stems import Residual, Stems

SPECTRAL: Final = "spectral"
Pieces = Iterator[tuple[Block, dict[str, Block]]]


def separate(call: Call) -> dict[str, Any]:
    """Answer a ``separate`` request."""
    started = time.monotonic()
    out, model = Path(call.text("out")), call.text("model")
    call.progress(0, "opening")
    with Track(Path(call.text("audio")), call) as track:
        if model == SPECTRAL:
            kept = chosen(call, spectral.STEMS)
            answer = _write(call, track, kept, spectral.RATE, out, _preview(track, call))
            answer |= {"engine": SPECTRAL, "device": "cpu"}
        else:
            answer = _demucs(call, track, model, out)
    return answer | {"model": model, "seconds": round(time.monotonic() - started, 3)}


def load(call: Call) -> dict[str, Any]:
    """Answer a ``load`` request."""
    model = call.text("model")
    if model == SPECTRAL:
        return {"model": model, "device": "cpu"}
    from sfa.ports.children import demucs_models

    bag = demucs_models.get(model, Path(call.text("models")))
    return {"model": model, "device": demucs_models.device(), "sources": list(bag.sources)}


def chosen(call: Call, sources: tuple[str, ...]) -> list[str]:
    """Return the stems to keep; raise InputError for one that the model does not have."""
    asked = call.args.get("stems") or list(sources)
    if not isinstance(asked, list) or (wrong := [name for name in asked if name not in sources]):
        named = f", not {wrong[0]!r}" if isinstance(asked, list) else ""
        raise InputError(f'"stems" must be a list out of {", ".join(sources)}{named}')
    return [name for name in sources if name in asked]


def _preview(track: Track, call: Call) -> Pieces:
    total = max(1.0, track.frames * spectral.RATE / track.sample_rate)

    def step(done: int, share: float) -> None:
        call.progress(1 + 97 * min(1.0, (done + share) / total), "separating (quick preview)")

    return spectral.separate(track.stereo(spectral.RATE), step)


def _demucs(call: Call, track: Track, model: str, out: Path) -> dict[str, Any]:
    # Torch takes seconds to import, and the preview does without.
    from sfa.ports.children import demucs_models, streaming

    call.progress(0.2, "loading the model")
    bag = demucs_models.get(model, Path(call.text("models")))
    kept = chosen(call, tuple(bag.sources))
    with demucs_models.guard():
        pieces = streaming.separate(bag, track, call, kept, demucs_models.device())
        answer = _write(call, track, kept, bag.samplerate, out, pieces)
    # A stem that was left out is no residual.
    if len(kept) < len(bag.sources):
        answer["residual_db"] = None
    return answer | {"engine": "demucs", "device": demucs_models.device()}


def _write(
    call: Call, track: Track, kept: list[str], rate: int, out: Path, pieces: Pieces
) -> dict[str, Any]:
    residual, written = Residual(), 0
    form = call.text("format", "wav")
    frames = round(track.frames * rate / track.sample_rate)
    with Stems(out, kept, form, rate, frames) as stems:
        for mix, parts in pieces:
            stems.write(parts)
            residual.feed(mix, parts)
            written += len(mix)
            call.check()
        if not written:
            raise InputError(f"{track.name} holds no sound; give a file with sound in it")
        call.progress(99, "finishing")
        if form != "wav" and stems.clipped:
            call.log(f"{', '.join(stems.clipped)} clip in {form}; wav keeps them whole", "warning")
        described = stems.finish()
    return {
        "stems": described,
        "residual_db": residual.db,
        "duration_ms": round(1000 * written / rate),
    }
