"""Score tempo, beats, bars, key and sections against music whose truth is known: `bin/bench analysis --accuracy`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sfa.ports import protocol
from sfa.ports.child import Call
from sfa.ports.children import analysis, instruments
from sfa.ports.children.audio import Track
from sfa.ports.children.score import RATE, Score
from tests.bench.hearing import annotations as notes
from tests.bench.hearing import render, score
from tests.bench.kit.report import Report, chosen
from tests.bench.kit.rivals import BENCH, Rival, Unavailable, clean

Piece = tuple[Path, dict[str, Any]]
SCRIPTS = Path(__file__).parent / "rivals"
RIVALS = {
    "librosa": Rival("analysis-librosa", ("librosa==0.11.0", "soundfile==0.14.0", "soxr==1.1.0")),
    "aubio": Rival("analysis-aubio", ("aubio-ledfx==0.4.12", "soundfile==0.14.0", "numpy")),
    "essentia": Rival("analysis-essentia", ("essentia==2.1b6.dev1389", "numpy")),
}


def run(options: argparse.Namespace) -> int:
    """Run the contestants over the set and print the report."""
    report = Report("analysis")
    report.calibration.take()
    contestants = ["sfa"] if options.smoke else chosen(["sfa", *RIVALS], options.only)
    if options.smoke:
        found = [_smallest()]
    elif options.folder:
        found = list(notes.folder(options.folder))
    elif lack := render.missing(options.split):
        print(lack, file=sys.stderr)
        return 1
    else:
        found = list(_rendered(options.split, 16 if options.quick else options.pieces))
    for name in contestants:
        try:
            answers = list(_ours(found) if name == "sfa" else _theirs(RIVALS[name], name, found))
        except Unavailable as why:
            report.note(str(why))
            continue
        rows = [
            score.score(truth, answer) for (_, truth), answer in zip(found, answers, strict=True)
        ]
        for measure, value in score.summary(rows).items():
            report.add(measure, name, value, score.UNITS.get(measure, "of 1"))
        report.add("processor", name, sum(answer["cpu"] for answer in answers), "s")
    report.show(options.json)
    return 0


def _rendered(split: str, count: int) -> Iterator[Piece]:
    for number in range(count):
        path = render.piece(split, number, BENCH / "music")
        yield path, json.loads(path.with_suffix(".json").read_text())


def _smallest() -> Piece:
    """A few bars of the synth's, which needs nothing installed."""
    import soundfile

    made = Score(seconds=12, bpm=124)
    path = BENCH / "music" / "smoke.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sum(instruments.render(made).values()), RATE)
    beats = instruments.beats(made)
    return path, {"tempo": 124.0, "steady": True, "key": "A minor", "beats": beats}


def _ours(found: Sequence[Piece]) -> Iterator[dict[str, Any]]:
    for path, _ in found:
        before = time.process_time()
        with Track(path) as track:
            call = Call(protocol.Request("1", "bench"), lambda _: None)
            body = analysis.measure(track, call).to_json()
        yield notes.answer(body) | {"cpu": time.process_time() - before}


def _theirs(rival: Rival, name: str, found: Sequence[Piece]) -> Iterator[dict[str, Any]]:
    command = [str(rival.install()), "-W", "ignore", str(SCRIPTS / f"{name}_script.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=clean()
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        for path, _ in found:
            child.stdin.write(f"{path.absolute()}\n")
            child.stdin.flush()
            line = child.stdout.readline()
            if not line:
                raise Unavailable(f"{name}: gave up on {path.name}")
            yield json.loads(line)
