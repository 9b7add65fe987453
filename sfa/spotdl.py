"""Find spotdl's environment, and say how its port is started in it.

spotdl pins versions that clash with the dashboard's, so it lives in a virtual environment of its own, which ``bin/setup``
makes inside the main one; without it everything else works. SFA's folder is appended to that interpreter's path, so
that none of its modules can hide one of spotdl's.
"""

from __future__ import annotations

import functools
import importlib.util
import shutil
import sys
from pathlib import Path

from sfa.config import HOME, Config

_BOOT = "import runpy, sys; sys.path.append(sys.argv.pop()); runpy.run_module({module!r}, run_name='__main__')"


def interpreter(config: Config) -> Path | None:
    """The environment's Python, or None where there is none."""
    if config.spotdl_python:
        path = Path(config.spotdl_python).expanduser()
    else:
        path = Path(sys.prefix) / "spotdl" / "bin" / "python"
    return path if path.is_file() else None


def command(python: Path, module: str) -> tuple[str, ...]:
    """The program that runs one of SFA's modules there."""
    return (str(python), "-I", "-c", _BOOT.format(module=module), str(HOME))


@functools.cache
def ffmpeg() -> str | None:
    """The program ffmpeg: the one that came with the packages, else the machine's."""
    spec = importlib.util.find_spec("imageio_ffmpeg")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for found in sorted((Path(folder) / "binaries").glob("ffmpeg-*")):
            return str(found)
    return shutil.which("ffmpeg")
