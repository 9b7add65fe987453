"""Find a track's sections, drops, build-ups and loops, all on bar lines.

Each bar is described by its timbre (MFCC), harmony (chroma) and level. The novelty of every bar line
is a checkerboard's correlation with the bars' similarity (Foote 2000), eight bars to each side and
four; its peaks, at least four bars apart, are the boundaries, the strongest of them and few. Sections
that sound alike share a letter. A drop is a boundary where level and bass come up at once; a build-up
is what rises towards it. A loop is four or eight bars whose end runs on into their beginning.
Limits: at most 24 sections; a track without beats is cut at every two seconds instead of at bars.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sfa.features import Loop, Moment, Section
from sfa.ports.children import key
from sfa.ports.children.spectrum import FRAME_SECONDS, Frames

MOST: Final = 24
APART: Final = 4  # bars
# Shares of the strongest novelty, and of sameness, that are taken for a boundary and for one letter.
NOVEL: Final = 0.22
ALIKE: Final = 1.1
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Structure:
    """What was found; times in seconds."""

    sections: tuple[Section, ...] = ()
    moments: tuple[Moment, ...] = ()
    loops: tuple[Loop, ...] = ()


@dataclass(frozen=True)
class _Bars:
    edges: Array
    looks: Array  # (bars, features), each spread over about one
    level: Array  # 0..1
    bass: Array


def find(frames: Frames, chroma: NDArray[np.float32], bars: Array, seconds: float) -> Structure:
    """Return the structure of a track whose bars begin at ``bars``."""
    real = len(bars) >= 4
    lines = bars if real else np.arange(0, seconds, 2.0)
    lines = lines[(lines > 0.25) & (lines < seconds - 0.25)]
    # What comes before the first bar line is no bar, but it belongs to the first section.
    whole = len(lines) > 1 and lines[0] < 1.5 * (lines[1] - lines[0])
    edges = np.concatenate([lines if whole else np.append(0.0, lines), [seconds]])
    table = _describe(frames, chroma, edges)
    table.edges[0] = 0.0
    if len(table.level) < 2 * APART:
        return Structure((_section(table, chroma, 0, len(table.level), "A"),))
    cuts = [0, *_boundaries(table), len(table.level)]
    labels = _labels(table, cuts)
    spans = list(zip(cuts, cuts[1:], labels, strict=False))
    sections = tuple(_section(table, chroma, *span) for span in spans)
    if not real:
        return Structure(sections)
    return Structure(sections, _moments(table, cuts), _loops(table, cuts))


def _describe(frames: Frames, chroma: NDArray[np.float32], edges: Array) -> _Bars:
    starts = np.minimum((edges[:-1] / FRAME_SECONDS).astype(int), frames.count - 1)
    sizes = np.maximum(1, np.diff(np.append(starts, frames.count)))

    def mean(rows: NDArray[np.float32]) -> Array:
        return np.add.reduceat(rows.astype(np.float64), starts, axis=0) / sizes.reshape(
            -1, *[1] * (rows.ndim - 1)
        )

    level = 10 * np.log10(mean(frames.rms**2) + 1e-8)
    places = (edges[:-1] * key.RATE / key.HOP).astype(int).clip(0, len(chroma) - 1)
    widths = np.maximum(1, np.diff(np.append(places, len(chroma))))
    tones = np.add.reduceat(chroma.astype(np.float64), places, axis=0) / widths[:, None]
    tones /= np.linalg.norm(tones, axis=1, keepdims=True) + 1e-6
    timbre = mean(frames.mfcc)[:, 1:]
    flux = np.log(mean(frames.flux) + 1e-4)
    parts = [(timbre, 1.0), (tones, 0.6), (flux, 1.0), (level[:, None], 1.0)]
    looks = [
        weight * (part - part.mean(axis=0)) / (np.sqrt(part.var(axis=0).sum()) + 1e-6)
        for part, weight in parts
    ]
    shown = ((level - level.max() + 30) / 30).clip(0, 1)
    return _Bars(edges, np.concatenate(looks, axis=1), shown, flux[:, 0])


def _boundaries(table: _Bars) -> list[int]:
    looks, count = table.looks, len(table.looks)
    sums = _sums(looks) if count <= 1500 else None
    novelty = np.zeros(count + 1)
    reaches = (4, 8) if count >= 48 else (4,)
    for line in range(2, count - 1):
        for reach in reaches:
            before, after = max(0, line - reach), min(count, line + reach)
            if sums is not None:
                across = _mean(sums, before, line, line, after)
                inside = (
                    _mean(sums, before, line, before, line) + _mean(sums, line, after, line, after)
                ) / 2
            else:
                left, right = looks[before:line], looks[line:after]
                across = float(np.linalg.norm(left.mean(axis=0) - right.mean(axis=0)))
                inside = (
                    float(np.sqrt(left.var(axis=0).sum()) + np.sqrt(right.var(axis=0).sum())) / 2
                )
            novelty[line] += max(0.0, across - inside)
    order = np.argsort(novelty)[::-1]
    cuts: list[int] = []
    for line in order:
        if novelty[line] < NOVEL * novelty.max() or novelty[line] <= 0.05 or len(cuts) >= MOST - 1:
            break
        top = novelty[max(0, line - 2) : line + 3].max()
        if (
            novelty[line] >= top
            and all(abs(line - cut) >= APART for cut in cuts)
            and APART <= line <= count - APART
        ):
            cuts.append(int(line))
    return sorted(cuts)


def _sums(looks: Array) -> list[list[float]]:
    """Return the sums of all distances between two bars up to each pair of lines: a mean of any part costs four numbers."""
    distance = np.sqrt(np.maximum(0, np.square(looks[:, None] - looks[None]).sum(axis=2)))
    whole: list[list[float]] = np.pad(
        distance.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0))
    ).tolist()
    return whole


def _mean(sums: list[list[float]], top: int, bottom: int, left: int, right: int) -> float:
    """Return the mean distance of the bars of one span from those of another."""
    part = sums[bottom][right] - sums[top][right] - sums[bottom][left] + sums[top][left]
    return part / ((bottom - top) * (right - left))


def _labels(table: _Bars, cuts: list[int]) -> list[str]:
    means = [table.looks[a:b].mean(axis=0) for a, b in itertools.pairwise(cuts)]
    spread = np.sqrt(table.looks.var(axis=0).sum()) + 1e-6
    known: list[Array] = []
    labels = []
    for mean in means:
        away = [float(np.linalg.norm(mean - other)) / spread for other in known]
        if away and min(away) < ALIKE * 0.5:
            labels.append(chr(65 + away.index(min(away))))
        else:
            known.append(mean)
            labels.append(chr(64 + len(known)))
    return labels


def _section(
    table: _Bars, chroma: NDArray[np.float32], first: int, last: int, label: str
) -> Section:
    start, end = float(table.edges[first]), float(table.edges[last])
    part = chroma[int(start * key.RATE / key.HOP) : max(1, int(end * key.RATE / key.HOP))]
    sounding = part[part.max(axis=1) > 0.5] if len(part) else part
    name = key.rank(sounding.mean(axis=0))[0][0] if len(sounding) >= 20 else None
    energy = float(table.level[first:last].mean()) if last > first else 0.0
    return Section(round(start, 4), round(end, 4), label, round(energy, 4), name)


def _moments(table: _Bars, cuts: list[int]) -> tuple[Moment, ...]:
    found = []
    spread = float(table.bass.std()) + 1e-6
    for number, cut in enumerate(cuts[1:-1], start=1):
        before, after = (
            slice(max(cuts[number - 1], cut - 4), cut),
            slice(cut, min(cuts[number + 1], cut + 4)),
        )
        louder = float(table.level[after].mean() - table.level[before].mean())
        deeper = float(table.bass[after].mean() - table.bass[before].mean()) / spread
        if louder < 0.08 or deeper < 0.8:
            continue
        strength = round(min(1.0, 0.4 + louder + 0.1 * deeper), 4)
        length = min(cut - cuts[number - 1], 16)
        rise = (
            np.polyfit(np.arange(length), table.level[cut - length : cut], 1)[0]
            if length >= 2
            else 0.0
        )
        if rise > 0.002 and length >= 2:
            found.append(Moment("build", round(float(table.edges[cut - length]), 4), strength))
        found.append(Moment("drop", round(float(table.edges[cut]), 4), strength))
    return tuple(found)


def _loops(table: _Bars, cuts: list[int]) -> tuple[Loop, ...]:
    spread = np.sqrt(table.looks.var(axis=0).sum()) + 1e-6
    found = []
    for first, last in itertools.pairwise(cuts):
        options = []
        for bars in (8, 4):
            if first and last - first >= bars and first + bars < len(table.looks):
                # The bar after the loop should sound like its first, and the last as it did before.
                away = np.linalg.norm(table.looks[first] - table.looks[first + bars]) / spread
                options.append((float(np.exp(-away)), bars))
        if options:
            score, bars = max(options)
            start, end = float(table.edges[first]), float(table.edges[first + bars])
            found.append(Loop(round(start, 4), round(end, 4), bars, round(score, 4)))
    return tuple(
        sorted(sorted(found, key=lambda loop: -loop.score)[:8], key=lambda loop: loop.start)
    )
