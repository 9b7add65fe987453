"""Add the ``stem`` atom that makes an MP4 file with five audio tracks a Native Instruments STEM file.

The atom lies in ``moov/udta`` and holds JSON: the version, the names and colours of the four stems, and the settings of
the compressor and limiter that a player puts behind their sum (both off). See the STEM file specification of
stems-music.com. Only ``moov`` is written anew, and it must be the file's last atom (as ffmpeg leaves it): then no
offset into the audio moves.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sfa.ports.child import ResourceError

COLOURS: Final = ("#D55E00", "#009E73", "#0072B2", "#CC79A7")
_COMPRESSOR: Final = {
    "enabled": False, "ratio": 3.0, "output_gain": 0.5, "release": 0.3, "attack": 0.003,
    "input_gain": 0.5, "threshold": 0.0, "hp_cutoff": 300.0, "dry_wet": 50.0,
}  # fmt: skip
_LIMITER: Final = {"enabled": False, "release": 0.05, "threshold": 0.0, "ceiling": -0.35}
# Larger than any moov of audio; the atom is held in memory.
MAX_MOOV: Final = 1 << 28


def description(names: list[str]) -> dict[str, Any]:
    """What the atom says of four stems."""
    stems = [{"name": name, "color": colour} for name, colour in zip(names, COLOURS, strict=True)]
    dsp = {"compressor": _COMPRESSOR, "limiter": _LIMITER}
    return {"mastering_dsp": dsp, "version": 1, "stems": stems}


def atoms(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (name, body) of each atom that lies side by side in ``data``."""
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if size < 8 or at + size > len(data):
            raise ResourceError("ffmpeg wrote an MP4 that cannot be read")
        yield name, data[at + 8 : at + size]
        at += size


def add(path: Path, names: list[str]) -> None:
    """Put the atom into the file, in the place of one that is there."""
    text = json.dumps(description(names), separators=(",", ":")).encode()
    with path.open("r+b") as file:
        start = _moov(file, path.stat().st_size)
        file.seek(start + 8)
        parts = list(atoms(file.read()))
        users = b"".join(body for name, body in parts if name == b"udta")
        kept = [(name, body) for name, body in atoms(users) if name != b"stem"]
        udta = b"".join(_atom(name, body) for name, body in [*kept, (b"stem", text)])
        others = b"".join(_atom(name, body) for name, body in parts if name != b"udta")
        file.seek(start)
        file.write(_atom(b"moov", others + _atom(b"udta", udta)))
        file.truncate()


def _atom(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, name) + body


def _moov(file: Any, size: int) -> int:
    at = 0
    while at + 8 <= size:
        file.seek(at)
        length, name = struct.unpack(">I4s", file.read(8))
        if length == 1:  # the length is in 64 bits, behind the name
            length = struct.unpack(">Q", file.read(8))[0]
        elif length == 0:
            length = size - at
        if name == b"moov" and at + length == size and length < MAX_MOOV:
            return at
        at += max(8, length)
    raise ResourceError("ffmpeg wrote an MP4 without its index at the end")
