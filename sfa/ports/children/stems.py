"""Write stems as they grow, and describe each when it is whole.

Every stem goes to a hidden temporary name in the output folder and gets its own name only when all
are complete, so a reader never sees half a stem. Nothing is rescaled a stem at a time: stems add up
to the mix. Formats: wav in 32-bit float (a stem may exceed full scale where others cancel it; float
keeps that, 24 bits would clip), flac in 24 bits (clips beyond full scale, and says so in the log),
mp3 at 320 kbit/s. ``Residual`` measures what the stems lack of the mix.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Protocol

import lameenc
import numpy as np
import soundfile

from sfa.ports.child import InputError
from sfa.ports.children.audio import Block
from sfa.ports.children.levels import Meter

FORMATS: Final = ("wav", "flac", "mp3")
MP3_KBITS: Final = 320
# RIFF counts bytes in 32 bits.
WAV_FRAMES: Final = (1 << 32) // 8 - (1 << 16)


class _Encoder(Protocol):
    def write(self, block: Block) -> None: ...
    def close(self) -> None: ...


class _Mp3:
    def __init__(self, file: IO[bytes], rate: int) -> None:
        self._file = file
        self._lame = lameenc.Encoder()
        self._lame.set_bit_rate(MP3_KBITS)
        self._lame.set_in_sample_rate(rate)
        self._lame.set_channels(2)
        self._lame.set_quality(2)
        self._lame.silence()

    def write(self, block: Block) -> None:
        whole = np.rint(np.clip(block, -1, 1) * 32767).astype("<i2")
        self._file.write(self._lame.encode(whole.tobytes()))

    def close(self) -> None:
        self._file.write(self._lame.flush())
        self._file.close()


class Stems:
    """A set of growing stems; leave the context to throw away what was not finished."""

    def __init__(self, out: Path, names: Iterable[str], form: str, rate: int, frames: int) -> None:
        if form not in FORMATS:
            raise InputError(f'"format" must be {", ".join(FORMATS)}, not "{form}"')
        out.mkdir(parents=True, exist_ok=True)
        self.rate = rate
        self._files = {name: out / f"{name}.{form}" for name in names}
        self._partial = {name: out / f".{name}.{form}.part" for name in self._files}
        self._meters = {name: Meter(frames) for name in self._files}
        self._stack = ExitStack()
        container = "RF64" if form == "wav" and frames > WAV_FRAMES else form.upper()
        subtype = "FLOAT" if form == "wav" else "PCM_24"
        self._encoders: dict[str, _Encoder] = {}
        for name, path in self._partial.items():
            if form == "mp3":
                self._encoders[name] = _Mp3(self._stack.enter_context(path.open("wb")), rate)
            else:
                sound = soundfile.SoundFile(path, "w", rate, 2, subtype, format=container)
                self._encoders[name] = self._stack.enter_context(sound)

    def __enter__(self) -> Stems:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        for path in self._partial.values():
            path.unlink(missing_ok=True)

    def write(self, blocks: Mapping[str, Block]) -> None:
        """Append the next (frames, 2) of every stem; names that are not kept are ignored."""
        for name, encoder in self._encoders.items():
            self._meters[name].feed(blocks[name])
            encoder.write(blocks[name])

    def finish(self) -> list[dict[str, Any]]:
        """Close the files, give them their names and describe them."""
        for encoder in self._encoders.values():
            encoder.close()
        described = [self._describe(name) for name in self._files]
        for name, path in self._files.items():
            self._partial[name].replace(path)
        return described

    @property
    def clipped(self) -> list[str]:
        """Which stems exceed full scale."""
        return [name for name, meter in self._meters.items() if meter.peak > 1]

    def _describe(self, name: str) -> dict[str, Any]:
        meter, partial = self._meters[name], self._partial[name]
        _forget_time(partial)
        with partial.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {
            "stem_type": name,
            "file": self._files[name].name,
            "duration_ms": round(1000 * meter.seen / self.rate),
            "sample_rate": self.rate,
            "channels": 2,
            "rms_db": meter.rms_db,
            "peak_db": meter.peak_db,
            "bytes": partial.stat().st_size,
            "sha256": digest,
            "peaks": meter.peaks(),
        }


def _forget_time(path: Path) -> None:
    """Zero the time that libsndfile writes into a float WAV's PEAK chunk: the same work gives the same bytes."""
    with path.open("r+b") as file:
        at = file.read(4096).find(b"PEAK")
        if at > 0:
            file.seek(at + 12)  # past the name, the size and the version
            file.write(bytes(4))


class Residual:
    """How much of the mix the sum of the stems lacks."""

    def __init__(self) -> None:
        self._mix = 0.0
        self._rest = 0.0

    def feed(self, mix: Block, stems: Mapping[str, Block]) -> None:
        """Compare the next piece."""
        rest = mix.astype(np.float64)
        self._mix += float(np.einsum("ij,ij->", rest, rest))
        for stem in stems.values():
            rest = rest - stem
        self._rest += float(np.einsum("ij,ij->", rest, rest))

    @property
    def db(self) -> float | None:
        """Energy of mix minus stems over energy of mix, at least -200; None for a silent mix."""
        if self._mix <= 1e-12:
            return None
        return round(10 * math.log10(max(self._rest / self._mix, 1e-20)), 2)
