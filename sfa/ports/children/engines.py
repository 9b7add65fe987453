"""Run a network on segments: with torch on a CPU or a GPU, or with OpenVINO, as exact as was asked for.

precision "exact": torch in float32, on a CPU to the bit what Demucs computes with as many threads (TF32 is off on a
GPU). "fast": within −80 dB of that: OpenVINO in float32 where it is installed (−120 dB). "fastest": OpenVINO in bfloat16
(−48 dB on random weights) or, without it, torch's autocast, where the processor computes in bfloat16 (AVX512-BF16 or
AMX); float16 on CUDA. What is not to be had falls back to the next more exact one; the result says which ran.
On a GPU segments go in batches that fit its free memory. When it runs out, batches are halved, then the network moves
to the CPU, and the log says so. MPS runs in float32, a segment at a time.
Limit: the GPU paths were tested with stand-ins for a device, not on one.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import torch

from sfa.ports.child import InputError
from sfa.ports.children import demucs_models

PRECISIONS: Final = ("exact", "fast", "fastest")
DEVICES: Final = ("auto", "cpu", "cuda", "mps")
MAX_BATCH: Final = 16
# Bytes of activations for a sample of a segment, measured on full-size networks with some air.
SAMPLE_BYTES: Final = {False: 3600, True: 2200}
Log = Callable[[str], None]


class Engine(Protocol):
    """Computes (n, 2, frames) -> (n, sources, 2, frames), and takes up to ``batch`` at once."""

    batch: int

    @property
    def name(self) -> str: ...

    def __call__(self, segments: torch.Tensor) -> torch.Tensor: ...


class TorchEngine:
    """A network on a device of torch's."""

    def __init__(self, model: Any, device: str, half: torch.dtype | None, log: Log) -> None:
        demucs_models.fill(model)
        self._model, self._device, self._half, self._log = model, device, half, log
        self.batch = self._fitting() if device == "cuda" else 1
        self._move(device)

    @property
    def name(self) -> str:
        """What runs: torch, its arithmetic, the device."""
        form = str(self._half).rpartition(".")[2] if self._half else "float32"
        return f"torch {form} {self._device}"

    def __call__(self, segments: torch.Tensor) -> torch.Tensor:
        """Compute; smaller batches, then the CPU, where memory does not suffice."""
        while True:
            try:
                return torch.cat([self._run(part) for part in torch.split(segments, self.batch)])
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not _exhausted(error) or self._device == "cpu":
                    raise
            self._retreat()

    def _run(self, part: torch.Tensor) -> torch.Tensor:
        kind = "cpu" if self._device == "cpu" else self._device
        with (
            torch.no_grad(),
            torch.autocast(
                kind, dtype=self._half or torch.bfloat16, enabled=self._half is not None
            ),
        ):
            out: torch.Tensor = self._model(part.to(self._device)).float().to("cpu")
        if self._half is torch.float16 and not torch.isfinite(out).all():
            self._log("float16 overflows in this network; it goes on in float32")
            self._half = None
            return self._run(part)
        return out

    def _retreat(self) -> None:
        if self._device == "cuda":
            torch.cuda.empty_cache()
        if self.batch > 1:
            self.batch //= 2
            self._log(f"the GPU's memory is short; {self.batch} segments at a time")
        else:
            self._log("the GPU's memory does not suffice; this goes on on the CPU")
            self._half = None
            self._move("cpu")

    def _move(self, device: str) -> None:
        self._device = device
        self._model.to(device)

    def _fitting(self) -> int:
        free, _ = torch.cuda.mem_get_info()
        samples = int(self._model.samplerate * self._model.segment)
        need = samples * SAMPLE_BYTES[self._half is not None]
        return max(1, min(MAX_BATCH, int(0.8 * free) // need))


def make(
    model: Any,
    paths: list[Path],
    device: str,
    precision: str,
    threads: int,
    log: Log,
    check: Callable[[], None] = lambda: None,
) -> Engine:
    """Return the engine for one network; ``paths`` are its weights' files."""
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        return TorchEngine(model, device, torch.float16 if precision == "fastest" else None, log)
    if device == "mps" or precision == "exact":
        return TorchEngine(model, device, None, log)
    if converts(model):
        from sfa.ports.children import openvino_engine

        half = precision == "fastest" and bfloat16()
        return openvino_engine.OpenVinoEngine(model, paths, half, threads, check)
    if precision == "fastest" and bfloat16():
        return TorchEngine(model, device, torch.bfloat16, log)
    return TorchEngine(model, device, None, log)


def converts(model: Any) -> bool:
    """Whether OpenVINO runs this network where it may."""
    if importlib.util.find_spec("openvino") is None:
        return False
    from sfa.ports.children import openvino_graph

    return openvino_graph.can(model)


def device(asked: Any) -> str:
    """Return the device to use; raise InputError for one that is not here."""
    if asked not in DEVICES:
        raise InputError(f'"device" must be {", ".join(DEVICES)}, not {asked!r}')
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if asked == "auto":
        return next((name for name, there in here.items() if there), "cpu")
    if not here.get(asked, True):
        raise InputError(f"torch sees no {asked} device here; use auto or cpu")
    return str(asked)


def bfloat16() -> bool:
    """Whether this processor computes in bfloat16; elsewhere it would be slower than float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return " avx512_bf16" in flags or " amx_bf16" in flags


def _exhausted(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error).lower()
