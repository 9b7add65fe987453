"""Measure the analyzer: seconds, processor and memory beside naive librosa and essentia; --accuracy scores its answers.

    bin/bench analysis [--only sfa librosa essentia] [--lengths 30 180 1800]
    bin/bench analysis --accuracy [--split held-out|train] [--pieces 96] [--only sfa librosa aubio essentia]
    bin/bench analysis --folder DIR     scores real audio with annotations beside it (hearing.annotations)

Speed: each contestant reads the same stereo file of music and answers; `cold` is a process from its start to its
answer, `warm` a second file of the same length in the same process. The rivals run in environments of their own.
naive librosa does what most scripts do: a call a feature (hearing/rivals/librosa_naive.py). The accuracy set is rendered
through fluidsynth on first use and kept under var/bench/music. Its training split has taught the analyzer
(hearing.train): quote the held-out one. The processor seconds are a row too, where ratios count.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench.hearing import accuracy, pieces, speed
from tests.bench.kit.report import parser


def main(argv: list[str]) -> int:
    """Run the bench."""
    options_of = parser("analysis", __doc__ or "", rounds=3)
    options_of.add_argument("--accuracy", action="store_true", help="score the answers instead")
    options_of.add_argument("--split", choices=pieces.SPLITS, default="held-out")
    options_of.add_argument("--pieces", type=int, default=96, help="how many (default 96)")
    options_of.add_argument("--folder", type=Path, help="annotated real audio to score")
    options_of.add_argument(
        "--lengths", type=int, nargs="+", default=[30, 180, 1800], help="seconds (30 180 1800)"
    )
    options = options_of.parse_args(argv)
    scores: bool = options.accuracy or options.folder is not None
    return accuracy.run(options) if scores else speed.run(options)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
