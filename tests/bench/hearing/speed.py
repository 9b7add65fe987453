"""Time the analyzer beside naive librosa and essentia's extractors: `bin/bench analysis`.

A contestant is a script that reads paths and answers a line a file. `cold` counts from the start of its process to its
first answer; `warm` is what its second file of that length took by its own clock, `processor` the CPU seconds of either (on a
busy machine only these compare), `memory` the process's peak at its end. Each sample is a process of its own, so that no length profits from the one before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from sfa.jobs.resources import environment
from sfa.ports.children import instruments
from sfa.ports.children.score import RATE, Score
from tests.bench.hearing.accuracy import RIVALS, SCRIPTS
from tests.bench.kit.measure import abba
from tests.bench.kit.report import Report, chosen
from tests.bench.kit.rivals import BENCH, Unavailable, clean

NAMES = ("sfa", "librosa", "essentia")
PROGRAMS = {"sfa": "sfa_script.py", "librosa": "librosa_naive.py", "essentia": "essentia_script.py"}
LONG = 600
"""Seconds of audio from which on one round is enough."""


def run(options: argparse.Namespace) -> int:
    """Run every length through every contestant and print the report."""
    report = Report("analysis")
    contestants = ["sfa"] if options.smoke else chosen(NAMES, options.only)
    pythons: dict[str, str] = {}
    for name in contestants:
        try:
            pythons[name] = sys.executable if name == "sfa" else str(RIVALS[name].install())
        except Unavailable as why:
            report.note(str(why))
    lengths = [10] if options.smoke else [30, 180] if options.quick else options.lengths
    for seconds in lengths:
        pair = [_music(seconds, seed) for seed in (1, 2)]
        rounds = 1 if options.smoke or options.quick or seconds >= LONG else options.rounds
        for name in abba(list(pythons), rounds):
            report.calibration.take()
            for measure, value, unit in _sample(name, pythons[name], pair):
                report.add(f"{seconds} s, {measure}", name, value, unit)
    report.note("librosa: a call a feature, with its compiled code cached; essentia: RhythmExtractor2013 and KeyExtractor only.")  # fmt: skip
    report.show(options.json)
    return 0


def _music(seconds: int, seed: int) -> Path:
    """A stereo wav of the demo synth's, a minute of it again and again."""
    path = BENCH / "music" / f"speed-{seconds}-{seed}.wav"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = Score(seconds=min(60, seconds), bpm=120 + seed, tonic=seed, seed=seed)
        minute = np.sum(list(instruments.render(made).values()), axis=0)
        with soundfile.SoundFile(path, "w", RATE, 2, subtype="PCM_16") as file:
            for start in range(0, seconds, 60):
                file.write(minute[: (min(60, seconds - start)) * RATE])
    return path


def _sample(name: str, python: str, pair: list[Path]) -> list[tuple[str, float, str]]:
    """One process, two files."""
    # Ours gets what a lone analysis gets of a worker; the others have one thread anyway, but for a product now and then.
    ours = {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), **environment("analyzer", "cpu", 1)} if name == "sfa" else {}  # fmt: skip
    start = time.perf_counter()
    child = subprocess.Popen(
        [python, "-W", "ignore", str(SCRIPTS / PROGRAMS[name])], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, env=clean({"OMP_NUM_THREADS": "1", "NUMBA_CACHE_DIR": str(BENCH / "numba"), **ours}),
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    answers: list[dict[str, Any]] = []
    cold = 0.0
    for path in pair:
        child.stdin.write(f"{path.absolute()}\n")
        child.stdin.flush()
        answers.append(json.loads(child.stdout.readline()))
        cold = cold or time.perf_counter() - start
    child.stdin.close()
    # Waited for by hand: this one process's own peak, not the largest of all that have ended.
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stdout.close()
    return [
        ("cold", cold, "s"),
        ("warm", answers[1]["seconds"], "s"),
        ("processor, cold", usage.ru_utime + usage.ru_stime - answers[1]["cpu"], "s"),
        ("processor, warm", answers[1]["cpu"], "s"),
        ("memory", usage.ru_maxrss / 1024, "MiB"),
    ]
