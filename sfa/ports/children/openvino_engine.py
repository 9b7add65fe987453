"""Run a hybrid Demucs network with OpenVINO on a CPU.

The short-time transform and its inverse stay in torch; what lies between is traced once, at the segment's length, and
converted, and kept beside the weights under their own hash (``.openvino/``), so that only the first use waits for it
(a minute or two on a busy machine, with twice the memory); torch's copy of the weights is let go of. In bfloat16 two
streams of half the threads each compute two segments at a time, which is quicker than one of all; in float32 it is not.
Limits: networks of HTDemucs only, at their own segment; a converted network is 170 MB.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import openvino
import torch
from demucs.htdemucs import HTDemucs
from torch import nn

from sfa.ports.children import demucs_models

FOLDER: Final = ".openvino"

_compiled: dict[tuple[object, ...], Any] = {}


class _Middle(nn.Module):
    """The network between the transforms: (mix, spectrum as channels) -> (spectra, waves)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, mix: torch.Tensor, spectrum: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Call the network's own forward with its four transforms replaced."""
        spectra: list[torch.Tensor] = []

        def keep(_z: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
            spectra.append(m)
            return m

        replaced: dict[str, Callable[..., torch.Tensor]] = {
            "_spec": lambda _mix: spectrum,
            "_magnitude": lambda z: z,
            "_mask": keep,
            "_ispec": lambda _z, _length: torch.zeros(1),
        }
        self.model.__dict__.update(replaced)
        try:
            waves: torch.Tensor = self.model(mix)
        finally:
            for name in replaced:
                del self.model.__dict__[name]
        return spectra[0], waves


class OpenVinoEngine:
    """A converted network; see the module."""

    def __init__(
        self,
        model: Any,
        paths: list[Path],
        half: bool,
        threads: int,
        log: Callable[[str], None],
        check: Callable[[], None],
    ) -> None:
        self._name = f"openvino {'bfloat16' if half else 'float32'} cpu"
        self.batch = 2 if half and threads > 1 else 1
        self._model = model
        self._check = check
        file = _converted(model, paths, log)
        demucs_models.hollow(model)
        key = (str(file), half, threads)
        if key not in _compiled:
            _compiled.clear()
            _compiled[key] = openvino.Core().compile_model(
                str(file),
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
                    "INFERENCE_NUM_THREADS": max(threads, 1),
                    "NUM_STREAMS": self.batch,
                    # Pinned threads would fight with another child's for the same cores.
                    "ENABLE_CPU_PINNING": False,
                },
            )
        self._requests = [_compiled[key].create_infer_request() for _ in range(self.batch)]

    @property
    def name(self) -> str:
        """What runs: OpenVINO, its arithmetic, the device."""
        return self._name

    def __call__(self, segments: torch.Tensor) -> torch.Tensor:
        """Compute (n, 2, frames) -> (n, sources, 2, frames)."""
        done = []
        for part in torch.split(segments, self.batch):
            for request, segment in zip(self._requests, torch.split(part, 1), strict=False):
                spectrum = self._model._magnitude(self._model._spec(segment)).contiguous()
                request.start_async({0: segment.contiguous().numpy(), 1: spectrum.numpy()})
            for request, _segment in zip(self._requests, torch.split(part, 1), strict=False):
                while not request.wait_for(100):
                    self._checked()
                done.append(self._joined(request, segments.shape[-1]))
        return torch.cat(done)

    def _checked(self) -> None:
        try:
            self._check()
        except BaseException:
            for request in self._requests:
                request.cancel()
            raise

    def _joined(self, request: Any, length: int) -> torch.Tensor:
        spectra = torch.from_numpy(request.get_output_tensor(0).data)
        waves = torch.from_numpy(request.get_output_tensor(1).data)
        return inverse(spectra, length, self._model.hop_length).add_(waves)


def inverse(spectra: torch.Tensor, length: int, hop: int) -> torch.Tensor:
    """Turn spectra as channels, (1, sources, 2 × channels, bins, frames), into (1, sources, channels, length).

    What the network's own ``_mask`` and ``_ispec`` do, in less than half their time: the squared windows add up to 3/2
    at this overlap wherever the result is kept, and what is added lies side by side.
    """
    _, sources, doubled, bins, count = spectra.shape
    channels, size = doubled // 2, 4 * hop
    values = torch.zeros(sources, channels, count, bins + 1, 2)
    values[..., :bins, :] = spectra.view(sources, channels, 2, bins, count).permute(0, 1, 4, 3, 2)
    frames = torch.fft.irfft(torch.view_as_complex(values), n=size)
    frames *= torch.hann_window(size) * (size**0.5 / 1.5)
    total = torch.zeros(sources, channels, count + 3, hop)
    for part in range(4):
        total[..., part : part + count, :] += frames[..., part * hop : (part + 1) * hop]
    start = hop * 3 // 2
    return total.view(1, sources, channels, -1)[..., start : start + length]


def can(model: Any) -> bool:
    """Whether a network can be converted: its spectrum must go through as channels."""
    return isinstance(model, HTDemucs) and bool(model.cac) and model.nfft == 4 * model.hop_length


def _converted(model: Any, paths: list[Path], log: Callable[[str], None]) -> Path:
    """Return the converted network's file, made if it is not there."""
    frames = int(model.samplerate * model.segment)
    named = "\n".join([*(path.name for path in paths), str(frames), version("openvino"), "1"])
    name = hashlib.sha256(named.encode()).hexdigest()[:24]
    folder = paths[0].parent / FOLDER
    target = folder / f"{name}.xml"
    if target.is_file():
        return target
    folder.mkdir(exist_ok=True)
    demucs_models.fill(model)
    log("converting the network for OpenVINO, once")
    partial = folder / f"{name}.{os.getpid()}.xml"
    mix = torch.zeros(1, 2, frames)
    fast, train = torch.backends.mha.get_fastpath_enabled(), model.use_train_segment
    torch.backends.mha.set_fastpath_enabled(False)
    # The segment is given at its full length: no padding inside of the graph.
    model.use_train_segment = False
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # Tracing is deprecated; what is to follow it (torch.export) does not take this network yet.
            warnings.simplefilter("ignore")
            inputs = (mix, model._magnitude(model._spec(mix)).contiguous())
            trace: Any = torch.jit.trace
            traced = trace(_Middle(model), inputs, check_trace=False)
            graph = openvino.convert_model(traced, example_input=inputs)
        graph.reshape({0: list(inputs[0].shape), 1: list(inputs[1].shape)})
        openvino.save_model(graph, str(partial), compress_to_fp16=False)
    finally:
        model.use_train_segment = train
        torch.backends.mha.set_fastpath_enabled(fast)
    # The weights first: a reader that sees the .xml finds its .bin.
    partial.with_suffix(".bin").replace(target.with_suffix(".bin"))
    partial.replace(target)
    return target
