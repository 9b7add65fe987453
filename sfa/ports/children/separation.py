"""Separate a file into stems, whichever engine the model's name asks for.

``spectral`` needs no weights and never imports torch; any other name is a Demucs model in the folder of weights.
Both read blocks at 44.1 kHz, or the model's own rate, and stems grow on disk (`growing`), to be resumed and played.
Op ``separate``: audio, out, model, models (folder of weights, not for spectral); all else is optional: format, bits,
stems (out of the model's, or no_NAME for the mix without one; all of the model's), precision exact | fast | fastest,
overlap of two segments (0.25), device auto | cpu | cuda | mps, work (folder where stems grow and from which a killed
request is resumed; under out), pieces (whether each piece is a file of its own), resume.
Op ``load``: model, models; loads a model ahead of its use and says what it is. Op ``probe``: audio; its length, rate and channels.
What lacks memory or disk is refused before it begins (`needs`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sfa.ports.child import Call, InputError
from sfa.ports.children import cores, encoders, needs, spectral
from sfa.ports.children.audio import Block, Track
from sfa.ports.children.checks import Checks
from sfa.ports.children.growing import Growing

SPECTRAL: Final = "spectral"
WITHOUT: Final = "no_"
Pieces = Iterator[tuple[Block, dict[str, Block], Mapping[str, Any]]]


def separate(call: Call) -> dict[str, Any]:
    """Answer a ``separate`` request."""
    started = time.monotonic()
    needs.forget_peak()
    model = call.text("model")
    encoders.checked(call.args.get("format", "wav"), call.args.get("bits"))
    call.progress(0, "opening")
    with Track(Path(call.text("audio")), call) as track:
        answer = _preview(call, track) if model == SPECTRAL else _demucs(call, track, model)
    return answer | {
        "model": model,
        "precision": call.args.get("precision", "exact"),
        "seconds": round(time.monotonic() - started, 3),
        "peak_bytes": needs.peak(),
    }


def probe(call: Call) -> dict[str, Any]:
    """Answer a ``probe`` request."""
    with Track(Path(call.text("audio")), call) as track:
        return {
            "seconds": round(track.seconds, 3),
            "sample_rate": track.sample_rate,
            "channels": track.channels,
        }


def load(call: Call) -> dict[str, Any]:
    """Answer a ``load`` request."""
    model = call.text("model")
    if model == SPECTRAL:
        return {"model": model, "device": "cpu"}
    from sfa.ports.children import demucs_models, engines

    bag = demucs_models.get(model, Path(call.text("models")))
    return {
        "model": model,
        "device": engines.device("auto"),
        "sources": list(bag.sources),
        "networks": len(bag.models),
        # Each network makes one stem, whose weights are 0 in all others.
        "apart": len(bag.models) > 1 and all(sum(map(bool, row)) == 1 for row in bag.weights),
        "memory_bytes": _memory(bag, 1 << 62, "cpu", "exact"),
    }


def chosen(call: Call, sources: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the stems to write and those to compute; raise InputError for one that the model does not have."""
    asked = call.args.get("stems") or list(sources)
    known = [*sources, *(WITHOUT + name for name in sources)]
    if not isinstance(asked, list) or (wrong := [name for name in asked if name not in known]):
        named = f", not {wrong[0]!r}" if isinstance(asked, list) else ""
        raise InputError(
            f'"stems" must be a list out of {", ".join(sources)}, each also with {WITHOUT}{named}'
        )
    written = [name for name in known if name in asked]
    return written, [name for name in sources if name in written or WITHOUT + name in written]


def _preview(call: Call, track: Track) -> dict[str, Any]:
    written, kept = chosen(call, spectral.STEMS)
    total = max(1.0, track.frames * spectral.RATE / track.sample_rate)
    needs.check_memory(SPECTRAL, needs.PREVIEW)

    def step(done: int, share: float) -> None:
        call.progress(1 + 97 * min(1.0, (done + share) / total), "separating (quick preview)")

    def pieces() -> Pieces:
        for mix, stems in spectral.separate(track.stereo(spectral.RATE), step):
            yield mix, stems, {}

    # Not resumed: from the start it takes no longer than a segment of a network does.
    work = [SPECTRAL, time.time_ns()]
    with Growing(_folder(call), written, spectral.RATE, round(total), work, call) as growing:
        answer = _write(call, track, growing, kept, kept == list(spectral.STEMS), pieces())
    runtime = "numpy float32 cpu"
    return answer | {"engine": SPECTRAL, "device": "cpu", "runtime": runtime, "networks": 1}


def _demucs(call: Call, track: Track, model: str) -> dict[str, Any]:
    # Torch takes seconds to import, and the preview does without.
    import torch

    from sfa.ports.children import demucs_models, engines, streaming

    precision, overlap = call.args.get("precision", "exact"), call.args.get("overlap", 0.25)
    if precision not in engines.PRECISIONS:
        raise InputError(f'"precision" must be {", ".join(engines.PRECISIONS)}')
    if not isinstance(overlap, int | float) or not 0 <= overlap <= 0.9:
        raise InputError('"overlap" must be a number from 0 to 0.9')
    device = engines.device(call.args.get("device", "auto"))
    call.progress(0.2, "loading the model")
    folder = Path(call.text("models"))
    needs.check_memory(model, needs.network(demucs_models.parameters(model, folder), 0))
    bag = demucs_models.get(model, folder)
    written, kept = chosen(call, tuple(bag.sources))
    files = [member.weights_file.name for member in bag.models]
    work = [files, precision, overlap, track.frames, track.sample_rate, call.args.get("recipe")]
    frames = round(track.frames * bag.samplerate / track.sample_rate)
    needs.check_memory(model, _memory(bag, frames, device, precision))
    used: list[engines.Engine] = []
    with (
        demucs_models.guard(),
        cores.share() as threads,
        Growing(_folder(call), written, bag.samplerate, frames, work, call) as growing,
    ):
        torch.set_num_threads(threads())

        def engine(member: Any) -> engines.Engine:
            file = [member.weights_file]
            one = engines.make(member, file, device, precision, threads(), _warn(call), call.check)
            used.append(one)
            return one

        def pieces() -> Pieces:
            for piece in streaming.separate(
                bag, track, call, kept, float(overlap), engine, growing.state
            ):
                yield piece
                torch.set_num_threads(threads())

        answer = _write(call, track, growing, kept, len(kept) == len(bag.sources), pieces())
    runtimes = sorted({one.name for one in used})
    return answer | {
        "engine": "demucs",
        "device": runtimes[0].split()[-1],
        "runtime": ", ".join(runtimes),
        "networks": len(used),
    }


def _write(
    call: Call, track: Track, growing: Growing, kept: list[str], complete: bool, pieces: Pieces
) -> dict[str, Any]:
    checks = Checks(kept, complete)
    resumed, began = growing.written, time.monotonic()
    left = max(0, growing.frames - resumed)
    needs.check_disk(growing.folder, needs.growing(left, len(growing.names)))
    if resumed:
        checks.restore(growing.state)
    for mix, parts, state in pieces:
        checks.feed(mix, parts)
        outputs = {
            name: parts[name] if name in parts else mix - parts[name.removeprefix(WITHOUT)]
            for name in growing.names
        }
        growing.append(outputs, {**state, **checks.state})
        call.check()
    if not growing.written:
        raise InputError(f"{track.name} holds no sound; give a file with sound in it")
    call.progress(98, "writing")
    form, bits = encoders.checked(call.args.get("format", "wav"), call.args.get("bits"))
    described = growing.finish(Path(call.text("out")), form, bits)
    for stem in described:
        if stem["stem_type"] in kept:
            stem["checks"] = checks.of(stem["stem_type"])
    return {
        "stems": described,
        "residual_db": checks.residual_db,
        "duration_ms": round(1000 * growing.written / growing.rate),
        "resumed_ms": round(1000 * resumed / growing.rate),
        "work_seconds": round(time.monotonic() - began, 3),
        "work_audio": round((growing.written - resumed) / growing.rate, 3),
    }


def _memory(bag: Any, frames: int, device: str, precision: str) -> int:
    from sfa.ports.children import engines

    longest = max(int(one.samplerate * one.segment) for one in bag.models)
    parameters = sum(one.values for one in bag.models)
    by_openvino = precision != "exact" and device == "cpu" and engines.converts(bag.models[0])
    compiled = len(bag.models) if by_openvino else 0
    return needs.network(parameters, min(longest, frames), compiled, device == "cpu")


def _folder(call: Call) -> Path:
    given = call.args.get("work")
    return Path(given) if isinstance(given, str) and given else Path(call.text("out")) / ".growing"


def _warn(call: Call) -> Any:
    return lambda message: call.log(message, "warning")
