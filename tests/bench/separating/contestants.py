"""The contestants: how each is asked to separate a file, and what that took.

SFA is asked as its worker asks it, through a port, and is warm: one child for all its runs, whose first run does not
count; "sfa cold" is a new child each time. The others have no such thing: every run is a new process, as their users
start it. All get the same network, overlap and as many threads as there are cores; no random shifts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import psutil

from sfa.jobs.resources import environment
from sfa.ports import protocol
from tests.bench.kit.rivals import Rival, clean

DEMUCS = Rival("separation-demucs", ("demucs==4.1.0", "numpy==2.4.6", "torch==2.13.0"))
OTHER = Rival("separation-audio-separator", ("audio-separator[cpu]==0.47.1", "torch==2.13.0"))
OVERLAP = 0.25


@dataclass(frozen=True, slots=True)
class Took:
    """What a run took: wall seconds, processor seconds, the most bytes at a time; and where its stems are."""

    seconds: float
    cpu: float
    peak: int
    stems: dict[str, Path]


class Sfa:
    """SFA's child, asked on a pipe as a worker asks it; a context manager."""

    def __init__(self, folder: Path, precision: str = "exact", cold: bool = False) -> None:
        self._folder, self._precision, self._cold = folder, precision, cold
        self._process: subprocess.Popen[bytes] | None = None
        # Of its own: with others' separations on this machine it would share the cores.
        self._place = tempfile.TemporaryDirectory(prefix="sfa-bench-")

    def __enter__(self) -> Sfa:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._place.cleanup()

    def run(self, audio: Path, model: str, out: Path, stem: str = "") -> Took:
        """Separate a file; RuntimeError with the child's own words if it fails."""
        if self._cold:
            self._end()
        began = time.monotonic()
        if self._process is None or self._process.poll() is not None:
            self._process = self._start()
        process = psutil.Process(self._process.pid)
        before = _cpu(process) if not self._cold else 0.0
        request: dict[str, Any] = {
            "audio": str(audio), "model": model, "models": str(self._folder), "out": str(out),
            "precision": self._precision, "overlap": OVERLAP,
        }  # fmt: skip
        answer = self._ask(request | ({"stems": [stem]} if stem else {}))
        seconds = time.monotonic() - began
        stems = {one["stem_type"]: out / one["file"] for one in answer["stems"]}
        return Took(seconds, _cpu(process) - before, answer["peak_bytes"], stems)

    def _start(self) -> subprocess.Popen[bytes]:
        command = (sys.executable, "-m", "sfa.ports.children.demucs_runner")
        env = {**os.environ, **environment("demucs_runner", "cpu", 1), "TMPDIR": self._place.name}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=env
        )

    def _ask(self, args: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(protocol.encode(protocol.Request("1", "separate", args)))
        process.stdin.flush()
        for line in process.stdout:
            frame: dict[str, Any] = json.loads(line)
            if frame["type"] == "result":
                return frame
            if frame["type"] == "error":
                raise RuntimeError(frame["message"])
        raise RuntimeError("the child ended without an answer")

    def _end(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()
            self._process = None


class Demucs:
    """The demucs command line."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._python = DEMUCS.install()

    def run(self, audio: Path, model: str, out: Path, stem: str = "") -> Took:
        """Separate a file; it runs all networks of a bag, whatever stem is wanted."""
        command = [
            str(self._python),
            "-m",
            "demucs.separate",
            "-n",
            model,
            "--repo",
            str(self._folder),
        ]
        command += ["-d", "cpu", "--shifts", "0", "--overlap", str(OVERLAP), "--float32"]
        command += ["--clip-mode", "none", "--filename", "{stem}.{ext}", "-o", str(out)]
        command += ["--two-stems", stem] if stem else []
        return _watched([*command, str(audio)], lambda: _stems(out / model))


class AudioSeparator:
    """python-audio-separator's command line."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._python = OTHER.install()
        # It begins with `ffmpeg -version`: the packaged one under that name.
        tools = OTHER.place / "tools"
        tools.mkdir(exist_ok=True)
        (tools / "ffmpeg").unlink(missing_ok=True)
        (tools / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        self._env = {"PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}

    def run(self, audio: Path, model: str, out: Path, stem: str = "") -> Took:
        """Separate a file; its stems are in another order and scale, so that they are not compared."""
        command = [
            str(self._python),
            "-c",
            "from audio_separator.utils.cli import main; main()",
            str(audio),
        ]
        command += ["--model_filename", f"{model}.yaml", "--model_file_dir", str(self._folder)]
        command += ["--output_dir", str(out), "--output_format", "WAV", "--log_level", "error"]
        command += ["--demucs_shifts", "0", "--demucs_overlap", str(OVERLAP)]
        command += ["--single_stem", stem.capitalize()] if stem else []
        return _watched(command, dict, self._env)


def _watched(command: list[str], stems: Any, extra: Mapping[str, str] | None = None) -> Took:
    """Run a command with an eye on the memory of it and its children."""
    began, peak, cpu = time.monotonic(), 0, 0.0
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=clean(extra)
    ) as process:
        watched = psutil.Process(process.pid)
        words: list[bytes] = []
        assert process.stderr is not None
        reader = threading.Thread(target=lambda: words.append(process.stderr.read()))  # type: ignore[union-attr]
        reader.start()
        while process.poll() is None:
            try:
                peak = max(peak, watched.memory_info().rss)
                cpu = _cpu(watched)
            except psutil.Error:
                break
            time.sleep(0.05)
        process.wait()
        reader.join()
    if process.returncode:
        last = b"".join(words).decode("utf-8", "replace").strip().splitlines()[-1:]
        raise RuntimeError(f"it ended with {process.returncode}: {''.join(last)[:200]}")
    return Took(time.monotonic() - began, cpu, peak, stems())


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _stems(place: Path) -> dict[str, Path]:
    return {path.stem: path for path in place.glob("*.wav")}


def clear(out: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    return out
