"""The benches are no tests, but they must not rot: each runs its smallest cell here, and the kit is right."""

from __future__ import annotations

import importlib
import json
import subprocess
from pathlib import Path

import pytest

from tests.bench.kit import rivals
from tests.bench.kit.measure import Calibration, Summary, abba, quantile
from tests.bench.kit.report import Report, chosen
from tests.bench.kit.rivals import Rival, Unavailable

HERE = Path(__file__).parent
BENCHES = sorted(
    path.stem
    for path in HERE.glob("[a-z]*.py")
    if not path.stem.startswith("test_") and path.stem != "conftest"
)


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_runs_its_smallest_cell(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(f"tests.bench.{name}")
    assert module.main(["--smoke", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["bench"] == name
    assert said["samples"]


def test_the_list_names_every_bench() -> None:
    listed = subprocess.run(
        [HERE.parents[1] / "bin" / "bench"], capture_output=True, text=True, check=True
    )
    assert all(f"  {name} " in listed.stdout for name in BENCHES)
    wrong = subprocess.run(
        [HERE.parents[1] / "bin" / "bench", "nosuch"], capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, "no bench 'nosuch'" in wrong.stderr) == (2, True)


def test_each_other_round_runs_backwards() -> None:
    assert "".join(abba("abc", 3)) == "abccbaabc"


def test_medians_ranges_and_quantiles() -> None:
    assert Summary.of([3.0, 1.0, 2.0]) == Summary(2.0, 1.0, 3.0, 3)
    assert quantile(range(1, 101), 0.99) == 100
    assert quantile([5.0], 0.5) == 5


def test_a_sample_from_a_slow_moment_is_flagged() -> None:
    speeds = iter([100.0, 101.0, 60.0, 99.0])
    report = Report("kit", Calibration(lambda: next(speeds)))
    for number in range(4):
        report.calibration.take()
        report.add("cell", "us" if number < 2 else "them", 10.0 * (number + 1), "/s")
    table = report.table()
    assert "* 1 of 4 samples" in table
    us, them = (line for line in table.splitlines() if line.startswith("cell  ") and "/s" in line)
    assert not us.endswith("*")
    assert them.endswith("*")
    assert "2.33" in them


def test_an_unknown_contestant_ends_the_run() -> None:
    assert chosen(["a", "b"], ["b"]) == ["b"]
    with pytest.raises(SystemExit, match="there are a, b"):
        chosen(["a", "b"], ["c"])


def test_a_rival_that_cannot_be_had_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rivals, "BENCH", tmp_path / "bench")
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "noise" >&2\necho "ERROR: no such version" >&2\nexit 1\n')
    python.chmod(0o755)
    with pytest.raises(Unavailable, match=r"^them: cannot be installed: ERROR: no such version$"):
        Rival("them", ("nothing==0",), python=str(python)).install()
