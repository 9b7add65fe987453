"""Measure what a call to a warm child costs and saves, beside a fresh process a job, executors and loky; then kill things.

    bin/bench ports [--quick] [--only sfa process librosa executor loky]

Cells: a call that does nothing (median and 99th percentile of 1,000, in milliseconds: all of it is overhead); 30 s of
audio analysed, and 8 s separated by a small model, warm and from nothing (seconds from asking to having the result, and
processor seconds of a warm call, which a busy machine hardly changes); how much the calling process grew over 1,000
calls (from the first hundred to the end). Every contestant calls from a process of its own, one call at a time, with
one thread; a fresh process imports what it needs and no more. Loky has an environment of its own under var/bench; it
has no torch, so it separates nothing. "process" runs our own analyzer, which starts quickly; "librosa" is what most
systems run, a fresh process of a naive librosa script a job, with its compiled code cached.

At last the seconds from kill -9 of a child at work, of its worker and of supervisord until the last of their processes
is gone, in an installation of its own (calls/kills.py), and until another worker is at work on the killed one's job.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sfa.config import HOME
from tests.bench.hearing import accuracy as hearing
from tests.bench.kit.measure import abba, quantile
from tests.bench.kit.report import Report, chosen, parser, say
from tests.bench.kit.rivals import BENCH, Rival, Unavailable, clean

CONTESTANTS = ["sfa", "process", "librosa", "executor", "loky"]
LOKY = Rival(
    "ports-loky",
    ("loky==3.7.0", "numpy==2.4.6", "scipy==1.17.1", "soundfile==0.14.0", "soxr==1.1.0", "imageio-ffmpeg==0.8.1"),
)  # fmt: skip
RIVALS = {"loky": LOKY, "librosa": hearing.RIVALS["librosa"]}
KILLS = {
    "kill -9 of a child, last process gone": "child",
    "kill -9 of a worker, last process gone": "worker",
    "kill -9 of a worker, its job runs again": "resumed",
    "kill -9 of supervisord, last process gone": "supervisord",
}
CALLS = 1000


def main(argv: list[str]) -> int:
    """Run the bench."""
    options = parser("ports", __doc__ or "", rounds=5).parse_args(argv)
    report = Report("ports")
    names = ["sfa"] if options.smoke else chosen(CONTESTANTS, options.only)
    pythons = dict.fromkeys(names, Path(sys.executable))
    for name in [name for name in RIVALS if name in names]:
        try:
            pythons[name] = RIVALS[name].install()
        except Unavailable as why:
            report.note(str(why))
            names.remove(name)
    rounds = 1 if options.smoke else 2 if options.quick else options.rounds
    calls = 50 if options.smoke else 300 if options.quick else CALLS
    song = _song(8 if options.smoke else 30)
    callers = [name for name in names if name != "librosa"]
    for name in abba(callers, rounds):
        say(f"{name}: calls that do nothing")
        report.calibration.take()
        # A fresh process a thousand times over would say the same, later.
        count = max(10, calls // 50) if name == "process" else calls
        told = _run(pythons[name], name, "nothing", count, {})
        report.add("nothing, median", name, 1000 * quantile(told["seconds"], 0.5), "ms")
        report.add("nothing, 99th of 100", name, 1000 * quantile(told["seconds"], 0.99), "ms")
        if count == calls:
            grown = (told["memory"][-1] - told["memory"][0]) / 2**20
            report.add(f"memory over {calls:,} calls", name, grown, "MB")
    for name in abba(names, rounds):
        say(f"{name}: analyses")
        report.calibration.take()
        if name == "librosa":
            _script(report, pythons[name], song)
        else:
            _work(report, pythons[name], name, "30 s analysed", "analyze", {"audio": str(song)}, 8)
    if not options.smoke:
        _separations(report, callers, rounds)
    if "sfa" in names:
        _kills(report, rounds, 300)
    report.show(options.json)
    return 0


def _script(report: Report, python: Path, song: Path) -> None:
    """A fresh process of a naive librosa script, twice: the first may find its compiled code not cached yet."""
    once = functools.partial(
        subprocess.run, [str(python), str(hearing.SCRIPTS / "librosa_naive.py")],
        input=f"{song}\n", text=True, stdout=subprocess.PIPE, check=True, env=clean({"OMP_NUM_THREADS": "1"}),
    )  # fmt: skip
    began = time.perf_counter()
    once()
    report.add("30 s analysed, from nothing", "librosa", time.perf_counter() - began, "s")
    began, before = time.perf_counter(), os.times()
    once()
    report.add("30 s analysed, warm", "librosa", time.perf_counter() - began, "s")
    after = os.times()
    spent = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    report.add("30 s analysed, warm, processor", "librosa", spent, "s")


def _kills(report: Report, rounds: int, seconds: int) -> None:
    say("sfa: kills")
    report.calibration.take()
    told = _python(Path(sys.executable), "tests.bench.calls.kills", str(rounds), str(seconds))
    for cell, name in KILLS.items():
        for took in told[name]:
            report.add(cell, "sfa", took, "s")


def _separations(report: Report, names: list[str], rounds: int) -> None:
    models, song = _models(), _song(8)
    for name in abba([name for name in names if name != "loky"], rounds):
        say(f"{name}: separations")
        report.calibration.take()
        out = BENCH / "ports-stems" / name
        args = {"audio": str(song), "model": "bench", "models": str(models), "out": str(out)}
        _work(report, Path(sys.executable), name, "8 s separated", "separate", args, 3)


def _work(
    report: Report, python: Path, name: str, cell: str, work: str, args: Mapping[str, Any], count: int
) -> None:  # fmt: skip
    told = _run(python, name, work, 3 if name == "process" else count, args)
    report.add(f"{cell}, warm", name, quantile(told["seconds"], 0.5), "s")
    report.add(f"{cell}, warm, processor", name, told["processor"], "s")
    report.add(f"{cell}, from nothing", name, told["first"], "s")


def _run(python: Path, name: str, work: str, count: int, args: Mapping[str, Any]) -> dict[str, Any]:
    return _python(python, "tests.bench.calls.caller", name, work, str(count), json.dumps(args))


def _python(python: Path, module: str, *arguments: str) -> dict[str, Any]:
    """What a program of the bench prints."""
    command = [str(python), "-P", "-m", module, *arguments]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, check=True, cwd=HOME, env=clean({"PYTHONPATH": str(HOME), "CUDA_VISIBLE_DEVICES": ""})
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def _song(seconds: int) -> Path:
    """A rendered piece of that length."""
    import numpy as np
    import soundfile

    from sfa.ports.children import instruments
    from sfa.ports.children.score import RATE, Score

    path = BENCH / "music" / f"ports-{seconds}.wav"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.sum(list(instruments.render(Score(seconds=seconds, bpm=124)).values()), axis=0)
        fresh = path.with_suffix(f".{os.getpid()}.wav")
        soundfile.write(fresh, samples[: seconds * RATE], RATE)
        fresh.replace(path)
    return path


def _models() -> Path:
    """A folder with a small model of random weights."""
    from tests.children import models

    folder = BENCH / "ports-models"
    if not (folder / "bench.yaml").exists():
        folder.mkdir(parents=True, exist_ok=True)
        models.bag(folder, "bench", [models.htdemucs()])
    return folder


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
