"""Say what a separation needs of memory and disk, what it took, and refuse one that cannot end well before it begins.

Memory: the interpreter and its libraries, the weights in float32, and the activations of one segment, measured on
full-size networks: some 2000 bytes a sample (on a GPU they lie there, and batches fit themselves to it). OpenVINO keeps
the weights twice and activations for each network of a bag. What this process holds already counts as had. Disk: every stem as float while it grows, and one more while it is given its form.
Limits: an estimate, refused only where less than 80 % of it is free; other programs may take what is free a moment later.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from sfa.ports.child import ResourceError, resident_bytes

LIBRARIES: Final = 400 << 20
PREVIEW: Final = 450 << 20
SAMPLE: Final = 2000
# Bytes a sample that each further network compiled by OpenVINO keeps to itself: torch's share theirs.
COMPILED: Final = 900
ENOUGH: Final = 0.8
FRAME: Final = 8  # bytes of two float32
_GROUP: Final = Path("/sys/fs/cgroup")


def network(parameters: int, samples: int, compiled: int = 0, on_cpu: bool = True) -> int:
    """Bytes for networks of so many values whose longest segment has ``samples`` frames; ``compiled`` of them by OpenVINO.

    That keeps the weights twice, as they were given and as it computes with them.
    """
    working = SAMPLE * samples if on_cpu else 0
    apart = COMPILED * samples * max(0, compiled - 1)
    return LIBRARIES + 4 * parameters * (2 if compiled else 1) + working + apart


def growing(frames: int, stems: int) -> int:
    """Bytes on the disk for stems of that length."""
    return FRAME * frames * (stems + 1)


def check_memory(model: str, need: int) -> None:
    """Raise ResourceError unless the memory is there, or held already."""
    free = available()
    lacking = ENOUGH * need - resident_bytes()
    if free and lacking > free:
        raise ResourceError(
            f"{model} needs about {size(need)} of memory and {size(free)} are free: close other programs, run fewer "
            f"jobs at a time, or choose the model spectral, which needs {size(PREVIEW)}"
        )


def check_disk(folder: Path, need: int) -> None:
    """Raise ResourceError unless the folder's disk has room."""
    with suppress(OSError):
        free = shutil.disk_usage(folder).free
        if need > free:
            raise ResourceError(
                f"the stems need {size(need)} on the disk while they grow and {size(free)} are free: free some space, "
                "or ask for fewer stems"
            )


def available() -> int:
    """Bytes of memory to be had: the machine's, or what this container is still allowed; 0 where it cannot be told."""
    found = _field(Path("/proc/meminfo"), "MemAvailable:")
    with suppress(OSError, ValueError):
        limit = int((_GROUP / "memory.max").read_text())
        cached = _field(_GROUP / "memory.stat", "inactive_file", 1)
        used = int((_GROUP / "memory.current").read_text())
        found = min(found or limit, max(0, limit - used + cached))
    return found


def forget_peak() -> None:
    """Measure the most memory that this process held anew from here: it may have done greater work before."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The most bytes that this process held since."""
    return _field(Path("/proc/self/status"), "VmHWM:")


def size(count: float) -> str:
    """Bytes as people read them."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"


def _field(path: Path, name: str, unit: int = 1024) -> int:
    try:
        for line in path.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * unit
    except (OSError, ValueError, IndexError):
        pass
    return 0
