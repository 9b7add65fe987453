"""Teach the analyzer's three linear models on the rendered training split, and write sfa/ports/children/tempo_model.py.

    python -m tests.bench.hearing.train [--pieces 384] [--write]

Which candidate is the tempo, which pulses are beats, and where bars begin: a conditional logit each, with an L2
penalty. Prints the cross-validated share of right choices (six folds). The held-out split is never looked at here.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.optimize import minimize

from sfa.ports.children import bars, beats, instruments, key, spectrum, tempo, tempo_model
from sfa.ports.children.audio import Track
from sfa.ports.children.score import Score
from tests.bench.hearing import render
from tests.bench.kit.rivals import BENCH

MUSIC = BENCH / "music"
SYNTH = 48
PENALTY = {"WEIGHTS": 1.0, "SIDES": 0.3, "BARS": 1.0}
Array = NDArray[np.float64]
# The options' features, and which of them are right.
Choice = tuple[Array, NDArray[np.bool_]]


def main(argv: list[str]) -> int:
    """Train, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=int, default=384)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    tempi, sides, metres = [], [], []
    with mock.patch.object(tempo, "SPREADS", (1.0,) * len(tempo_model.SPREADS)):
        for number in range(options.pieces):
            piece = _read(render.piece("train", number, MUSIC))
            tempi.append(_tempo(piece))
            sides.append(_side(piece))
            metres.append(_bars(piece))
        for number in range(SYNTH):
            piece = _synth(number)
            tempi.append(_tempo(piece))
            sides.append(_side(piece))
    spreads = np.concatenate([rows for rows, _ in tempi]).std(axis=0) + 1e-6
    found = {"SPREADS": spreads}
    for name, choices in (
        ("WEIGHTS", [(rows / spreads, right) for rows, right in tempi]),
        ("SIDES", sides),
        ("BARS", metres),
    ):
        kept = [
            choice
            for choice in choices
            if choice is not None and choice[1].any() and not choice[1].all()
        ]
        found[name] = fit(kept, PENALTY[name])
        print(f"{name}: {len(kept)} choices, {cross_validate(kept, PENALTY[name]):.3f} right")
    if options.write:
        Path(tempo_model.__file__).write_text(_source(found))
    return 0


def fit(choices: Sequence[Choice], penalty: float) -> Array:
    """The weights under which the right options are likeliest."""

    def loss(weights: Array) -> tuple[float, Array]:
        total, slope = penalty * float(weights @ weights), 2 * penalty * weights
        for rows, right in choices:
            scores = rows @ weights
            shares = np.exp(scores - scores.max())
            shares /= shares.sum()
            good = float(shares[right].sum())
            total -= float(np.log(good + 1e-300))
            slope = slope + rows.T @ (shares - np.where(right, shares / (good + 1e-300), 0))
        return total, slope

    result: Array = minimize(loss, np.zeros(choices[0][0].shape[1]), jac=True, method="L-BFGS-B").x
    return result


def cross_validate(choices: Sequence[Choice], penalty: float, folds: int = 6) -> float:
    """The share of right choices on pieces that were not trained on."""
    order, hits = np.random.default_rng(0).permutation(len(choices)), 0
    for fold in range(folds):
        test = set(order[fold::folds].tolist())
        weights = fit([c for n, c in enumerate(choices) if n not in test], penalty)
        hits += sum(
            bool(right[int((rows @ weights).argmax())])
            for rows, right in (choices[n] for n in test)
        )
    return hits / len(choices)


def _read(path: Path) -> dict[str, Any]:
    with Track(path) as track:
        mono = np.concatenate([block.mean(axis=1) for block in track.blocks()])
        rate = track.sample_rate
    return _piece(mono, rate, json.loads(path.with_suffix(".json").read_text()))


def _synth(number: int) -> dict[str, Any]:
    """The demo synth's music, whose seeds here are not the tests': backbeats of a kind the set lacks."""
    made = Score(seconds=20, bpm=64 + 106 * number / SYNTH, tonic=number % 12, seed=5000 + number)
    mono = np.sum(list(instruments.render(made).values()), axis=0).mean(axis=1)
    truth = {"tempo": made.bpm, "beats": instruments.beats(made)}
    return _piece(mono.astype(np.float32), 44100, truth)


def _piece(samples: NDArray[np.float32], rate: int, truth: dict[str, Any]) -> dict[str, Any]:
    frames, pitches = spectrum.Spectrum(), key.Pitches()
    mono = soxr.resample(samples, rate, spectrum.RATE)
    frames.feed(mono)
    pitches.feed(soxr.resample(mono, spectrum.RATE, key.RATE, "MQ"))
    onsets = tempo.prepare(frames.finish().flux, 1 / spectrum.FRAME_SECONDS)
    return {"onsets": onsets, "chroma": pitches.finish().changes, "truth": truth}


def _tempo(piece: dict[str, Any]) -> Choice:
    bpms, rows, _ = tempo.candidates(piece["onsets"])
    return rows, np.abs(bpms / piece["truth"]["tempo"] - 1) <= 0.04


def _side(piece: dict[str, Any]) -> Choice | None:
    seen: list[Array] = []

    def note(_: object, pulses: Array) -> int:
        seen.append(pulses)
        return 0

    with mock.patch.object(beats, "_side", note):
        beats.track(piece["onsets"], piece["truth"]["tempo"])
    if not seen:
        return None
    difference, truth = beats.sides(piece["onsets"], seen[0]), np.array(piece["truth"]["beats"])
    seconds = seen[0] / piece["onsets"].rate + beats.LATENCY_SECONDS
    near = [
        float(np.mean(np.abs(seconds[k::2][:, None] - truth).min(axis=1) < 0.07)) for k in (0, 1)
    ]
    return (
        (np.stack([difference, -difference]) / 2, np.array(near) == max(near))
        if max(near) > 0.6
        else None
    )


def _bars(piece: dict[str, Any]) -> Choice | None:
    grid, per = np.array(piece["truth"]["beats"]), piece["truth"]["beats_per_bar"]
    # Beats as they would be found: the grid may begin on any of them.
    skip = len(piece["truth"]["sections"]) % per + 1
    first = -skip % per
    right = [
        (metre == per and start == first) or (per == 2 and metre == 4 and start % 2 == first)
        for metre, start in bars.HYPOTHESES
    ]
    rows = bars.features(piece["onsets"], grid[skip:], piece["chroma"], key.RATE / key.HOP)
    return rows, np.array(right)


def _source(found: dict[str, Array]) -> str:
    text = '"""Hold what the choices of tempo, beats and bars were taught: a weight a feature.\n\n'
    text += "Written by tests/bench/hearing/train.py; the order is that of ``tempo.candidates`` (each divided by its\n"
    text += 'spread), ``beats.sides`` and ``bars.features``.\n"""\n\nfrom __future__ import annotations\n\nfrom typing import Final\n'
    for name in ("WEIGHTS", "SPREADS", "SIDES", "BARS"):
        numbers = [f"{value:.3f}" for value in found[name]]
        lines = [", ".join(numbers[start : start + 10]) for start in range(0, len(numbers), 10)]
        text += f"\n{name}: Final = (\n" + "".join(f"    {line},\n" for line in lines) + ")\n"
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
