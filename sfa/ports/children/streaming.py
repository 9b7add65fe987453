"""Apply a Demucs bag to a track of any length, a segment at a time, in bounded memory.

Two passes over the file: length, mean and deviation first; then segments are read, separated and
overlap-added, and what no later segment touches is yielded. The arithmetic is that of
``demucs.apply.apply_model(shifts=0, overlap=…)``, in its order, so that in float32 on a CPU the output is bit-equal.
With each piece comes the state from which another process goes on, to the same bits.
Networks of a bag advance together along the track; one whose weights are zero for every stem that is
kept is not run. Progress and cancel also act within a segment, after each layer.
Limit: memory is that of the longest segment of the bag (44 s for mdx_extra).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch
from demucs.apply import TensorChunk
from demucs.htdemucs import HTDemucs
from demucs.utils import center_trim

from sfa.ports.child import Call, InputError
from sfa.ports.children.audio import Block, Track
from sfa.ports.children.engines import Engine

OVERLAP: Final = 0.25
# Share of the progress line that the first pass takes.
FIRST: Final = 3.0
PACE_SECONDS: Final = 2.0
# What is kept of a network, in the order of `Network.state`.
STATE: Final = ("sum", "weights", "places")


class Mix:
    """The normalised mix, read as far as needed, forgotten as soon as possible: (2, frames)."""

    def __init__(self, pieces: Iterator[torch.Tensor], length: int) -> None:
        self.length = length
        self._pieces = pieces
        self._start = 0
        self._held = torch.zeros(2, 0)

    def view(self, start: int, end: int) -> torch.Tensor:
        """Return a range, which must not lie before what was forgotten."""
        parts, held = [self._held], self._start + self._held.shape[-1]
        while held < end:
            piece = next(self._pieces)
            parts.append(piece)
            held += piece.shape[-1]
        self._held = torch.cat(parts, -1) if len(parts) > 1 else self._held
        return self._held[:, start - self._start : end - self._start]

    def forget(self, before: int) -> None:
        """Drop what lies before a frame; what was not read yet is read and dropped a piece at a time."""
        while before > self._start + self._held.shape[-1]:
            self._start += self._held.shape[-1]
            self._held = next(self._pieces)
        if before > self._start:
            self._held = self._held[:, before - self._start :].clone()
            self._start = before


class Network:
    """One network of a bag, at its place on the track, with its unfinished overlap-add."""

    def __init__(self, model: Any, engine: Engine, length: int, overlap: float) -> None:
        self.model = model
        self.engine = engine
        self.length = length
        self.segment = int(model.samplerate * model.segment)
        self.stride = int((1 - overlap) * self.segment)
        self.segments = -(-length // self.stride)
        self.offset = 0  # all before it is finished
        ramp = [
            torch.arange(1, self.segment // 2 + 1),
            torch.arange(self.segment - self.segment // 2, 0, -1),
        ]
        weight = torch.cat(ramp)
        self.weight = weight / weight.max()
        self._first = 0
        self._sum = torch.zeros(len(model.sources), 2, 0)
        self._weights = torch.zeros(0)

    @property
    def state(self) -> tuple[Any, ...]:
        """The unfinished overlap-add, its weights, and (offset, first frame of it)."""
        return self._sum.numpy(), self._weights.numpy(), np.array([self.offset, self._first])

    def restore(self, state: tuple[Any, ...]) -> None:
        """Go on from ``state``."""
        self._sum, self._weights = torch.from_numpy(state[0]), torch.from_numpy(state[1])
        self.offset, self._first = (int(place) for place in state[2])

    @property
    def before(self) -> int:
        """The earliest frame of the mix that the next segment can look at."""
        return max(0, self.offset - self._room)

    @property
    def _room(self) -> int:
        """How far the shortest last segment reaches back to fill up its padding."""
        return self.segment if isinstance(self.model, HTDemucs) else self._valid(self.segment)

    def run(self, mix: Mix) -> int:
        """Separate the next segments, as many as the engine takes at once, and add them; how many."""
        sizes: list[int] = []
        padded: list[torch.Tensor] = []
        place = self.offset
        while place < self.length and len(sizes) < self.engine.batch:
            size = min(self.segment, self.length - place)
            one = self._padded(mix, place, size)
            if padded and one.shape != padded[0].shape:
                break
            sizes.append(size)
            padded.append(one)
            place += self.stride
        for out, size in zip(self.engine(torch.stack(padded)), sizes, strict=True):
            self._add(center_trim(out, size), size)
        return len(sizes)

    def _add(self, out: torch.Tensor, size: int) -> None:
        grown = self.offset + size - self._first - self._sum.shape[-1]
        self._sum = torch.nn.functional.pad(self._sum, (0, grown))
        self._weights = torch.nn.functional.pad(self._weights, (0, grown))
        place = slice(self.offset - self._first, self.offset - self._first + size)
        self._sum[..., place] += self.weight[:size] * out
        self._weights[place] += self.weight[:size]
        self.offset = min(self.offset + self.stride, self.length)

    def take(self, end: int) -> torch.Tensor:
        """Return (sources, 2, frames) from what was taken last up to ``end``."""
        size = end - self._first
        done = self._sum[..., :size] / self._weights[:size]
        self._sum = self._sum[..., size:].clone()
        self._weights = self._weights[size:].clone()
        self._first = end
        return done

    def _valid(self, size: int) -> int:
        if hasattr(self.model, "valid_length"):
            return int(self.model.valid_length(size))
        return size

    def _padded(self, mix: Mix, offset: int, size: int) -> torch.Tensor:
        target = self._valid(size)
        start = max(0, offset - (target - size) // 2)
        end = min(self.length, offset - (target - size) // 2 + target)
        # Demucs's own padding, told that the track begins where the view does: where the view is
        # shorter than wanted, the track ends there too.
        chunk = TensorChunk(mix.view(start, end), offset - start, size)
        padded: torch.Tensor = chunk.padded(target)
        return padded


Parts = list[tuple[Network, list[float]]]


def networks(
    bag: Any, kept: list[str], length: int, overlap: float, engine: Callable[[Any], Engine]
) -> Parts:
    """Return those networks of a bag that ``kept`` needs, with each one's weight for each kept stem."""
    index = [bag.sources.index(name) for name in kept]
    return [
        (Network(model, engine(model), length, overlap), [weights[k] for k in index])
        for model, weights in zip(bag.models, bag.weights, strict=True)
        if any(weights[k] for k in index)
    ]


def apply(
    bag: Any,
    mix: Mix,
    kept: list[str],
    parts: Parts,
    heard: Callable[[float], None],
    taken: int = 0,
) -> Iterator[tuple[int, int, torch.Tensor]]:
    """Yield (start, end, (kept stems, 2, frames)) from ``taken`` on; ``heard`` gets the share 0..1 that is done."""
    index = [bag.sources.index(name) for name in kept]
    totals = [sum(weights[k] for weights in bag.weights) for k in index]
    count = sum(network.segments for network, _ in parts)
    done = sum(min(network.segments, -(-network.offset // network.stride)) for network, _ in parts)
    if taken:
        mix.forget(min(taken, *(network.before for network, _ in parts)))
    while taken < mix.length:
        network = min((network for network, _ in parts), key=lambda network: network.offset)
        with _listened(network.model, heard, done, count):
            done += network.run(mix)
        heard(done / count)
        ready = min(network.offset for network, _ in parts)
        if ready > taken:
            estimates = torch.zeros(len(kept), 2, ready - taken)
            for network, weights in parts:
                out = network.take(ready)[index]
                for k, weight in enumerate(weights):
                    out[k] *= weight
                estimates += out
            for k, total in enumerate(totals):
                estimates[k] /= total
            yield taken, ready, estimates
            taken = ready
        mix.forget(min(taken, *(network.before for network, _ in parts)))


class _listened:  # noqa: N801 - a context manager, used like a function
    """Call back after each layer with the share of all segments; exceptions stop the network."""

    def __init__(self, model: Any, heard: Callable[[float], None], done: int, count: int) -> None:
        self._done, self._count = done, count
        names = ("encoder", "tencoder", "decoder", "tdecoder")
        self._layers = [layer for name in names for layer in getattr(model, name, [])]
        # A hook inside of the transformer would turn its fast path off, and so change the output.
        if getattr(model, "crosstransformer", None) is not None:
            self._layers.append(model.crosstransformer)
        self._heard = heard
        self._ran = 0

    def __enter__(self) -> None:
        self._hooks = [layer.register_forward_hook(self._hook) for layer in self._layers]

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _hook(self, *_: object) -> None:
        self._ran += 1
        self._heard((self._done + min(1.0, self._ran / (len(self._layers) + 1))) / self._count)


def separate(
    bag: Any,
    track: Track,
    call: Call,
    kept: list[str],
    overlap: float,
    engine: Callable[[Any], Engine],
    saved: Mapping[str, Any],
) -> Iterator[tuple[Block, dict[str, Block], dict[str, Any]]]:
    """Yield (mix, stems, state) pieces of a track, normalised as Demucs's command line does, from ``saved`` on."""
    if "taken" in saved:
        length, mean, deviation = int(saved["length"]), *map(float, saved["level"])
    else:
        length, mean, deviation = _measure(track, bag.samplerate, call)

    def pieces() -> Iterator[torch.Tensor]:
        for block in track.stereo(bag.samplerate):
            yield (torch.from_numpy(np.ascontiguousarray(block.T)) - mean) / deviation

    pace = Pace(length / bag.samplerate, time.monotonic)

    def heard(share: float) -> None:
        call.progress(FIRST + (98 - FIRST) * share, pace.words(share))

    parts = networks(bag, kept, length, overlap, engine)
    taken = int(saved.get("taken", 0))
    if taken:
        for number, (network, _) in enumerate(parts):
            network.restore(tuple(saved[f"{number}.{name}"] for name in STATE))
    mix = Mix(pieces(), length)
    for start, end, estimates in apply(bag, mix, kept, parts, heard, taken):
        raw = mix.view(start, end) * deviation + mean
        stems = (estimates * deviation + mean).transpose(1, 2).contiguous().numpy()
        state: dict[str, Any] = {
            "taken": end,
            "length": length,
            "level": np.array([mean, deviation], np.float64),
        }
        for number, (network, _) in enumerate(parts):
            for name, value in zip(STATE, network.state, strict=True):
                state[f"{number}.{name}"] = value
        yield raw.T.contiguous().numpy(), dict(zip(kept, stems, strict=True)), state


class Pace:
    """Says how fast it goes and how long it still takes; anew every two seconds, from the share done since its start."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds, self._clock = seconds, clock
        self._began: tuple[float, float] | None = None
        self._said, self._words = 0.0, "separating"

    def words(self, share: float) -> str:
        """The stage, given the share 0..1 that is done."""
        now = self._clock()
        if self._began is None:
            self._began, self._said = (now, share), now
        passed, done = now - self._began[0], share - self._began[1]
        if now - self._said >= PACE_SECONDS and done > 0:
            self._said = now
            left = round(passed * (1 - share) / done)
            told = f"{left // 60}:{left % 60:02}" if left < 3600 else f"{left / 3600:.1f} h"
            self._words = (
                f"separating, {done * self._seconds / passed:.2f} s of audio a second, {told} left"
            )
        return self._words


def _measure(track: Track, rate: int, call: Call) -> tuple[int, float, float]:
    """Return length, mean and deviation of the mix of both channels."""
    length, total, squares = 0, 0.0, 0.0
    expected = max(1.0, track.seconds * rate)
    for block in track.stereo(rate):
        mono = block.mean(axis=1, dtype=np.float64)
        length += len(mono)
        total += float(mono.sum())
        squares += float(mono @ mono)
        call.progress(0.5 + (FIRST - 0.5) * min(1.0, length / expected), "measuring")
    if not length:
        raise InputError(f"{track.name} holds no sound; give a file with sound in it")
    mean = total / length
    variance = max(0.0, squares / length - mean**2) * length / max(1, length - 1)
    return length, mean, variance**0.5 + 1e-8
