"""Collect samples and print them: a table for people, one JSON object for programs.

A row is a cell (what was measured) and a contestant; the ratio is to the first contestant of the cell, SFA.
Options that every bench takes: --quick (small sizes, few rounds), --rounds N, --json, --only NAME…, --smoke.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from tests.bench.kit.measure import Calibration, Summary, machine


def parser(name: str, about: str, rounds: int = 5) -> argparse.ArgumentParser:
    """The options that all benches share; ``about`` is the module's docstring."""
    made = argparse.ArgumentParser(
        prog=f"bin/bench {name}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--quick", action="store_true", help="small sizes and few rounds")
    made.add_argument("--rounds", type=int, default=rounds, help=f"rounds (default {rounds})")
    made.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these contestants")
    made.add_argument("--json", action="store_true", help="print one JSON object")
    made.add_argument("--smoke", action="store_true", help="the smallest cell, no rivals")
    return made


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement; ``speed`` is the machine's calibration before it."""

    cell: str
    contestant: str
    unit: str
    value: float
    speed: float


@dataclass(slots=True)
class Report:
    """The samples of one run.

    Options:
        name: the bench.
        calibration: taken before each sample (`measure.Calibration`).
    """

    name: str
    calibration: Calibration = field(default_factory=Calibration)
    samples: list[Sample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, cell: str, contestant: str, value: float, unit: str) -> None:
        """A sample, measured after the latest ``calibration.take()``."""
        speed = self.calibration.speeds[-1] if self.calibration.speeds else self.calibration.take()
        self.samples.append(Sample(cell, contestant, unit, value, speed))

    def note(self, text: str) -> None:
        """What a reader has to know: a rival that can't be had, a rule that one can't keep."""
        if text not in self.notes:
            self.notes.append(text)

    def table(self) -> str:
        """Everything, for people."""
        head = ("cell", "contestant", "median", "range", "n", "ratio", "")
        lines = [head, *(self._line(cell, name) for cell, name in self._keys())]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        left = {0, 1, 6}
        rows = [
            "  ".join(
                text.ljust(width) if i in left else text.rjust(width)
                for i, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        rows.insert(1, "  ".join("-" * width for width in widths[:-1]))
        about = [f"{self.name}: {machine()}", "", *rows, ""]
        odd = sum(self.calibration.odd(sample.speed) for sample in self.samples)
        if odd:
            about.append(
                f"* {odd} of {len(self.samples)} samples were taken while the machine was more than 25 % "
                "slower or faster than it mostly was."
            )
        return "\n".join([*about, *self.notes])

    def json(self) -> str:
        """Everything, for programs."""
        return json.dumps(
            {
                "bench": self.name,
                "machine": machine(),
                "cells": [
                    {"cell": cell, "contestant": name, "unit": self._of(cell, name)[0].unit}
                    | asdict(Summary.of([sample.value for sample in self._of(cell, name)]))
                    | {"ratio": self._ratio(cell, name)}
                    for cell, name in self._keys()
                ],
                "samples": [asdict(sample) for sample in self.samples],
                "notes": self.notes,
            }
        )

    def show(self, as_json: bool) -> None:
        """Print it."""
        print(self.json() if as_json else self.table(), flush=True)

    def _keys(self) -> list[tuple[str, str]]:
        cells = list(dict.fromkeys(sample.cell for sample in self.samples))
        names = list(dict.fromkeys(sample.contestant for sample in self.samples))
        return [(cell, name) for cell in cells for name in names if self._of(cell, name)]

    def _of(self, cell: str, name: str) -> list[Sample]:
        return [s for s in self.samples if (s.cell, s.contestant) == (cell, name)]

    def _ratio(self, cell: str, name: str) -> float | None:
        first = next(s.contestant for s in self.samples if s.cell == cell)
        base = Summary.of([sample.value for sample in self._of(cell, first)]).median
        here = Summary.of([sample.value for sample in self._of(cell, name)]).median
        return here / base if base else None

    def _line(self, cell: str, name: str) -> tuple[str, ...]:
        samples = self._of(cell, name)
        s = Summary.of([sample.value for sample in samples])
        unit = samples[0].unit
        ratio = self._ratio(cell, name)
        odd = any(self.calibration.odd(sample.speed) for sample in samples)
        span = f"{figure(s.low)}–{figure(s.high)}"
        told = "" if ratio is None else f"{ratio:.2f}"
        return (
            cell,
            name,
            f"{figure(s.median)} {unit}",
            span,
            str(s.count),
            told,
            "*" if odd else "",
        )


def figure(value: float) -> str:
    """A number with about three significant digits, thousands separated."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def say(text: str) -> None:
    """Tell on stderr how far the run is; stdout is the report's."""
    print(f"  {text}", file=sys.stderr, flush=True)


def chosen(names: Sequence[str], only: Sequence[str]) -> list[str]:
    """The contestants to run; a name that there is not ends the run with the list of those there are."""
    for name in only:
        if name not in names:
            raise SystemExit(
                f"bench: there is no contestant {name!r}; there are {', '.join(names)}"
            )
    return [name for name in names if not only or name in only]
