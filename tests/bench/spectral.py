"""Score the weight-free preview: SDR of each stem on rendered music, beside a quarter of the mix and the ideal-ratio mask.

    bin/bench spectral [--split held-out|train] [--songs 6]

The preview's numbers were found on the train split: quote the held-out one. It shares no piece, sound font or instrument
with it. Rendered by fluidsynth on first use, kept under var/bench/stems; --smoke takes the synthesizer of the demo instead.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from sfa.ports.children import instruments, spectral
from sfa.ports.children.score import Score
from tests.bench.hearing import pieces, render
from tests.bench.kit.report import Report, parser
from tests.bench.kit.rivals import BENCH
from tests.bench.separating import music, quality

Samples = NDArray[np.float32]
Stems = Mapping[str, Samples]


def preview(stems: Stems) -> Stems:
    """What the preview makes of the stems' mix."""
    mix = quality.total_of(stems)
    made = list(spectral.separate(iter(np.array_split(mix, 7)), lambda _done, _share: None))
    return {name: np.concatenate([piece[1][name] for piece in made]) for name in stems}


def quarter(stems: Stems) -> Stems:
    """A quarter of the mix as every stem."""
    mix = quality.total_of(stems)
    return {name: np.asarray(mix / 4, np.float32) for name in stems}


CONTESTANTS: dict[str, Callable[[Stems], Stems]] = {
    "sfa": preview,
    "mix/4": quarter,
    "ideal mask": quality.ideal,
}


def main(argv: list[str]) -> int:
    """Run the bench."""
    options_of = parser("spectral", __doc__ or "", rounds=1)
    options_of.add_argument("--split", choices=pieces.SPLITS, default="held-out")
    options_of.add_argument("--songs", type=int, default=6, help="how many (default 6)")
    options = options_of.parse_args(argv)
    report = Report("spectral")
    report.calibration.take()
    songs: list[Stems]
    if options.smoke:
        songs = [instruments.render(Score(seconds=6, bpm=120, tonic=9, minor=True, seed=3))]
    elif lack := render.missing(options.split):
        print(lack, file=sys.stderr)
        return 1
    else:
        songs = [
            *music.songs(options.split, 2 if options.quick else options.songs, BENCH / "stems")
        ]
    for name, separate in CONTESTANTS.items():
        began = time.process_time()
        made = [separate(stems) for stems in songs]
        spent = time.process_time() - began
        means = []
        for stem in spectral.STEMS:
            found = [quality.sdr(s[stem], m[stem]) for s, m in zip(songs, made, strict=True)]
            heard = [value for value in found if not math.isnan(value)]
            if heard:
                means.append(statistics.fmean(heard))
                report.add(stem, name, means[-1], "dB")
        report.add("all", name, statistics.fmean(means), "dB")
        length = sum(len(stems["drums"]) for stems in songs) / 44100
        report.add("processor", name, spent / length, "s/s")
    report.show(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
