"""Play scenarios one after the other on one server, each on a database of its own, and judge each."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sfa.chaos.faults import Scenario
from sfa.chaos.history import Finding, judge
from sfa.chaos.scene import Overdue, Scene
from sfa.chaos.server import Server

FAULTS = ("lost", "doubled", "orphan", "untold")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one scenario went; ``seconds`` in all, ``recovery`` to the first sign of work after the fault."""

    name: str
    jobs: int
    findings: Sequence[Finding]
    recovery: float | None
    seconds: float
    skipped: str = ""
    note: str = ""

    def count(self, fault: str) -> int:
        """How many findings of a kind."""
        return sum(finding.fault == fault for finding in self.findings)

    @property
    def word(self) -> str:
        """Held, broken or skipped."""
        return "broken" if self.findings else "skipped" if self.skipped else "held"


def play(
    server: Server, scenario: Scenario, *, seed: int, long: bool = False,
    keep: Callable[[Scene], None] = lambda _: None,
) -> Verdict:  # fmt: skip
    """Play one scenario to its end, whatever happens; ``keep`` may look at the scene before it is gone."""
    began = time.monotonic()
    with server.database() as name:
        scene = Scene(server, name, seed=seed, long=long)
        try:
            try:
                scenario.play(scene)
                if not scene.skipped:
                    scene.ended()
            except Overdue as late:
                scene.find("lost", str(late))
            except Exception as error:  # noqa: BLE001 - a scenario that breaks is a verdict, too
                # A refusal of the database brings its whole context along.
                said = str(error).partition("\n")[0]
                where = traceback.extract_tb(error.__traceback__)[-1]
                scene.find(
                    "untold", f"{type(error).__name__}: {said} ({where.name}:{where.lineno})"
                )
            server.ensure()
            scene.leave()
            history = scene.history()
            findings = judge(history)
            if findings:
                keep(scene)
            recovery = scene.recovery
            return Verdict(
                scenario.name,
                len(history.jobs),
                findings,
                recovery,
                time.monotonic() - began,
                scene.skipped,
                scene.note,
            )
        finally:
            server.ensure()
            scene.close()


def play_all(
    scenarios: Sequence[Scenario], *, seed: int, long: bool = False,
    keep: Callable[[Scene], None] = lambda _: None,
) -> Iterator[Verdict]:  # fmt: skip
    """Each scenario's verdict as soon as it is there."""
    server = Server()
    try:
        server.start()
        server.prepare()
        for scenario in scenarios:
            yield play(server, scenario, seed=seed, long=long, keep=keep)
    finally:
        server.close()


def row(verdict: Verdict) -> str:
    """The verdict as a line of the table."""
    recovery = "-" if verdict.recovery is None else f"{verdict.recovery:.1f}"
    counts = "".join(f"{verdict.count(fault):>8}" for fault in FAULTS)
    note = f"  ({verdict.note})" if verdict.note else ""
    return f"{verdict.name:<34}{verdict.jobs:>9}{counts}{recovery:>10}{verdict.seconds:>8.1f}  {verdict.word}{note}"


HEAD = (
    f"{'fault':<34}{'jobs':>9}{'lost':>8}{'doubled':>8}{'orphans':>8}{'untold':>8}{'recovery':>10}{'took':>8}"
    "  verdict"
)
