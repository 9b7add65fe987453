"""Make an environment of its own for each rival, under ``var/bench/<rival>/``, with pinned versions.

It is made once, by pip through its own configuration, and kept; a changed pin makes it anew. What can't be had is an
`Unavailable` with one line that says why: the bench goes on without that rival and its report repeats the line.
Nothing of a rival ever enters SFA's own environment.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sfa.config import HOME

BENCH = HOME / "var" / "bench"


class Unavailable(Exception):
    """A rival can't be had here; the message is one line for the report."""


@dataclass(frozen=True, slots=True)
class Rival:
    """One rival.

    Options:
        name: the folder's name and the contestant's.
        packages: pip's requirements, pinned ("pgqueuer[asyncpg]==1.6.0").
        python: the interpreter to make the environment with (this one).
    """

    name: str
    packages: tuple[str, ...]
    python: str = sys.executable

    @property
    def place(self) -> Path:
        """Its environment."""
        return BENCH / self.name

    @property
    def interpreter(self) -> Path:
        """The environment's Python."""
        return self.place / "bin" / "python"

    def install(self, timeout: float = 900.0) -> Path:
        """Make the environment if it is not there; its Python. `Unavailable` with the reason in a line."""
        BENCH.mkdir(parents=True, exist_ok=True)
        want = "\n".join((self.python, *self.packages)) + "\n"
        with (BENCH / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            stamp = self.place / ".packages"
            if stamp.is_file() and stamp.read_text() == want:
                return self.interpreter
            shutil.rmtree(self.place, ignore_errors=True)
            print(f"  … {self.name}: {' '.join(self.packages)}", file=sys.stderr, flush=True)
            pip = (str(self.interpreter), "-m", "pip", "install", "--no-input", "--quiet")
            self._run((self.python, "-m", "venv", str(self.place)), timeout)
            self._run((*pip, "--disable-pip-version-check", *self.packages), timeout)
            stamp.write_text(want)
            return self.interpreter

    def _run(self, command: tuple[str, ...], timeout: float) -> None:
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=timeout, check=False, env=clean()
            )
        except subprocess.TimeoutExpired as late:
            raise Unavailable(f"{self.name}: not installed within {timeout:.0f} s") from late
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines() or ["pip said nothing"]
            errors = [line for line in said if line.startswith("ERROR")] or said[-1:]
            raise Unavailable(f"{self.name}: cannot be installed: {errors[0][:200]}")


def clean(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would lead a rival to SFA's own packages."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    return kept | dict(extra or {})
