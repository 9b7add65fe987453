"""Run a hybrid Demucs network with OpenVINO on a CPU.

The short-time transform and its inverse stay in torch; what lies between is written in OpenVINO's operations
(`openvino_graph`) and compiled in about a second, kept with the network for the next request with as many threads; torch's
copy of the weights is let go of before that, so that they are never held three times. A segment at a time on all threads: two
streams of half the threads each compute no quicker and take half as much memory again.
Limits: networks of HTDemucs only, as they were released, at their own segment.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import openvino
import torch

from sfa.ports.children import demucs_models, openvino_graph

# Where earlier versions kept converted networks.
OLD: Final = ".openvino"


class OpenVinoEngine:
    """A compiled network; see the module."""

    batch = 1

    def __init__(
        self, model: Any, paths: list[Path], half: bool, threads: int, check: Callable[[], None]
    ) -> None:
        self._name = f"openvino {'bfloat16' if half else 'float32'} cpu"
        self._model = model
        self._check = check
        form = (half, threads)
        if getattr(model, "compiled", None) is None or model.compiled[0] != form:
            shutil.rmtree(paths[0].parent / OLD, ignore_errors=True)
            demucs_models.fill(model)
            graph = openvino_graph.written(model, int(model.samplerate * model.segment))
            demucs_models.hollow(model)
            model.compiled = (form, _compiled(graph, half, threads))
            demucs_models.release()
        self._request = model.compiled[1].create_infer_request()

    @property
    def name(self) -> str:
        """What runs: OpenVINO, its arithmetic, the device."""
        return self._name

    def __call__(self, segments: torch.Tensor) -> torch.Tensor:
        """Compute (n, 2, frames) -> (n, sources, 2, frames)."""
        return torch.cat([self._run(segment) for segment in torch.split(segments, 1)])

    def _run(self, segment: torch.Tensor) -> torch.Tensor:
        length = segment.shape[-1]
        spectrum = self._model._magnitude(self._model._spec(segment)).contiguous()
        self._request.start_async(
            {0: segment[:, :, None].contiguous().numpy(), 1: spectrum.numpy()}
        )
        while not self._request.wait_for(100):
            try:
                self._check()
            except BaseException:
                self._request.cancel()
                raise
        spectra = torch.from_numpy(self._request.get_output_tensor(0).data)
        waves = torch.from_numpy(self._request.get_output_tensor(1).data)
        return inverse(spectra, length, self._model.hop_length).add_(waves.view(1, -1, 2, length))


def _compiled(graph: Any, half: bool, threads: int) -> Any:
    how = {
        "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
        "INFERENCE_NUM_THREADS": max(threads, 1),
        "NUM_STREAMS": 1,
        # Pinned threads would fight with another child's for the same cores.
        "ENABLE_CPU_PINNING": False,
    }
    return openvino.Core().compile_model(graph, "CPU", how)


def inverse(spectra: torch.Tensor, length: int, hop: int) -> torch.Tensor:
    """Turn spectra, (1, bins, columns, sources × channels × 2), into (1, sources, 2, length).

    What the network's own ``_mask`` and ``_ispec`` do, in less than half their time and, a source at a time, a quarter of
    their memory: the squared windows add up to 3/2 at this overlap wherever the result is kept, and what is added lies
    side by side.
    """
    _, bins, count, parts = spectra.shape
    size, start = 4 * hop, hop * 3 // 2
    window = torch.hann_window(size) * (size**0.5 / 1.5)
    given = torch.view_as_complex(spectra.view(bins, count, parts // 2, 2)).permute(2, 1, 0)
    values = torch.zeros(2, count, bins + 1, dtype=torch.complex64)
    out = torch.empty(1, parts // 4, 2, length)
    for source, pair in enumerate(torch.split(given, 2)):
        values[..., :bins] = pair
        frames = torch.fft.irfft(values, n=size).mul_(window)
        total = torch.zeros(2, count + 3, hop)
        for part in range(4):
            total[:, part : part + count] += frames[..., part * hop : (part + 1) * hop]
        out[0, source] = total.view(2, -1)[:, start : start + length]
    return out
