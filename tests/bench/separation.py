"""Separate the same music with the same network: SFA, the demucs command line, python-audio-separator.

    bin/bench separation [--seconds 60 | --minutes 5 15] [--only sfa demucs …] [--rounds 3] [--file SONG]

A full-size htdemucs with random weights (its speed does not depend on them), in one run, in turns: seconds of wall time
and of processor time for each second of audio, the most memory at a time, and how far the stems are from those of
demucs (dB; −300: to the bit). "one stem" is the vocals out of a bag like htdemucs_ft. Rivals live in environments of their
own under var/bench. On a busy machine trust the ratios, and those of processor time most.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from sfa.ports.children import engines, instruments
from sfa.ports.children.score import Score
from tests.bench.kit.measure import abba
from tests.bench.kit.report import Report, chosen, parser, say
from tests.bench.kit.rivals import BENCH, Unavailable
from tests.bench.separating import networks
from tests.bench.separating.contestants import AudioSeparator, Demucs, Sfa, Took, clear

NAMES = ["sfa", "sfa fast", "sfa fastest", "sfa cold", "demucs", "audio-separator"]
TO_THE_BIT = -300.0


def main(argv: list[str]) -> int:
    """Run the bench."""
    options_of = parser("separation", __doc__ or "", rounds=2)
    options_of.add_argument("--seconds", type=float, default=60.0, help="of audio (default 60)")
    options_of.add_argument("--minutes", type=float, nargs="+", help="several lengths instead")
    options_of.add_argument("--file", type=Path, help="music of your own, repeated to the length")
    options_of.add_argument("--no-one-stem", action="store_true", help="leave that part out")
    options = options_of.parse_args(argv)
    seconds = [60 * minutes for minutes in options.minutes or []] or [options.seconds]
    names = ["sfa"] if options.smoke else chosen(NAMES, options.only)
    if options.smoke:
        seconds, options.rounds = [3.0], 1
    elif options.quick:
        seconds, options.rounds = [16.0], 1
    report = Report("separation")
    folder = networks.folder(BENCH, tiny=options.smoke)
    if "sfa fast" in names and not engines.converts(_network(folder)):
        report.note(
            "sfa fast: OpenVINO is not installed (SFA_EXTRAS=fast bin/setup); it is torch there"
        )
    with tempfile.TemporaryDirectory(dir=BENCH) as place, ExitStack() as stack:
        contestants = _contestants(names, folder, report, stack)
        for length in seconds:
            audio = _music(Path(place) / "song.wav", length, options.file)
            _cell(report, contestants, audio, length, networks.ONE, "", options.rounds)
        if not options.no_one_stem and not options.smoke:
            length = min(seconds[0], 30.0)
            audio = _music(Path(place) / "song.wav", length, options.file)
            some = {n: c for n, c in contestants.items() if n in ("sfa", "demucs")}
            _cell(report, some, audio, length, networks.FOUR, "vocals", 1)
    print(report.json() if options.json else report.table())
    return 0


def _network(folder: Path) -> Any:
    """One network, to ask what can run it."""
    from sfa.ports.children import demucs_models

    return demucs_models.get(networks.ONE, folder).models[0]


def _contestants(
    names: list[str], folder: Path, report: Report, stack: ExitStack
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in names:
        try:
            match name.split():
                case ["sfa", "cold"]:
                    made[name] = stack.enter_context(Sfa(folder, cold=True))
                case ["sfa"]:
                    made[name] = stack.enter_context(Sfa(folder))
                case ["sfa", precision]:
                    made[name] = stack.enter_context(Sfa(folder, precision))
                case ["demucs"]:
                    made[name] = Demucs(folder)
                case _:
                    made[name] = AudioSeparator(folder)
        except Unavailable as why:
            report.note(str(why))
    return made


def _cell(
    report: Report, contestants: dict[str, Any], audio: Path, length: float, model: str, stem: str, rounds: int,
) -> None:  # fmt: skip
    what = f"one stem, {length:g} s" if stem else f"{length:g} s"
    reference: dict[str, Any] = {}
    warm = [name for name in contestants if name.startswith("sfa") and name != "sfa cold"]
    for name in warm:
        say(f"{what}: {name}, to be warm")
        _run(report, contestants, name, audio.with_name("short.wav"), model, stem)
    for name in abba([*contestants], rounds):
        say(f"{what}: {name}")
        report.calibration.take()
        took = _run(report, contestants, name, audio, model, stem)
        if took is None:
            continue
        report.add(f"{what}: wall", name, took.seconds / length, "s/s")
        report.add(f"{what}: processor", name, took.cpu / length, "s/s")
        report.add(f"{what}: memory", name, took.peak / 1e6, "MB")
        parts = {n: soundfile.read(p, dtype="float32")[0] for n, p in took.stems.items()}
        reference.setdefault(name, parts)
    if "demucs" in reference and not stem:
        for name in (name for name in reference if name.startswith("sfa")):
            error = far(reference["demucs"], reference[name])
            report.add(f"{what}: off demucs", name, error, "dB")


def _run(report: Report, contestants: dict[str, Any], name: str, audio: Path, model: str, stem: str) -> Took | None:  # fmt: skip
    try:
        took: Took = contestants[name].run(audio, model, clear(audio.parent / "out"), stem)
        return took
    except RuntimeError as error:
        report.note(f"{name}: {error}")
        return None


def far(truth: dict[str, Any], guess: dict[str, Any]) -> float:
    """How far stems are from the reference's, in dB of its energy; −300 where every sample is the same."""
    rest = sum(float(np.sum((truth[name] - guess[name]) ** 2.0)) for name in truth)
    energy = sum(float(np.sum(part**2.0)) for part in truth.values())
    return max(TO_THE_BIT, float(10 * np.log10(rest / energy + 1e-30)))


def _music(path: Path, seconds: float, own: Path | None) -> Path:
    """Music of that length, and beside it three seconds of it to warm up with."""
    if own is not None:
        piece, rate = soundfile.read(own, dtype="float32", always_2d=True)
    else:
        score = Score(seconds=min(20, seconds), bpm=120, tonic=9, minor=True, seed=3)
        piece, rate = sum(instruments.render(score).values()), 44100
    frames = int(seconds * rate)
    with soundfile.SoundFile(path, "w", rate, piece.shape[1], "FLOAT") as file:
        while frames > 0:
            file.write(piece[:frames])
            frames -= len(piece[:frames])
    soundfile.write(path.with_name("short.wav"), piece[: 3 * rate], rate, subtype="FLOAT")
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
