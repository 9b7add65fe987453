"""`bin/bench analysis --folder` on a few annotated files: the bench's own JSON, JAMS, mir_eval's and plain text formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sfa.ports.children import instruments
from sfa.ports.children.score import RATE, Score
from tests.bench import analysis
from tests.bench.hearing import annotations as notes

SCORE = Score(seconds=20, bpm=112, tonic=2, minor=True, seed=12)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """The same piece three times, annotated in three ways, and a file without annotations."""
    samples = np.sum(list(instruments.render(SCORE).values()), axis=0)
    for name in ("jams/a.wav", "text/b.flac", "own/c.wav", "none/d.wav"):
        (tmp_path / name).parent.mkdir()
        soundfile.write(tmp_path / name, samples, RATE)
    beats = instruments.beats(SCORE)
    jams = [
        {"namespace": "tempo", "data": [{"time": 0, "duration": 20, "value": 56.0, "confidence": 0.2},
                                        {"time": 0, "duration": 20, "value": 112.0, "confidence": 0.8}]},
        {"namespace": "beat", "data": [{"time": t, "duration": 0, "value": n % 4 + 1} for n, t in enumerate(beats)]},
        {"namespace": "key_mode", "data": [{"time": 0, "duration": 20, "value": "D:minor"}]},
        {"namespace": "segment_open", "data": [{"time": 0, "duration": 12, "value": "verse"},
                                               {"time": 12, "duration": 8, "value": "chorus"}]},
    ]  # fmt: skip
    (tmp_path / "jams/a.jams").write_text(json.dumps({"annotations": jams}))
    (tmp_path / "text/b.tempo").write_text("56\t112\t0.2\n")
    (tmp_path / "text/b.beats").write_text("".join(f"{t:.4f}\t{n % 4 + 1}\n" for n, t in enumerate(beats)))  # fmt: skip
    (tmp_path / "text/b.key").write_text("Dm\n")
    (tmp_path / "text/b.lab").write_text("0.0 12.0 verse\n12.0 20.0 chorus\n")
    own = {"tempo": 112.0, "steady": True, "beats": beats, "key": "D minor"}
    (tmp_path / "own/c.json").write_text(json.dumps(own))
    return tmp_path


def test_every_format_says_the_same(collection: Path) -> None:
    found = dict(notes.folder(collection))
    jams, own, text = (found[collection / name] for name in ("jams/a.wav", "own/c.wav", "text/b.flac"))  # fmt: skip
    assert len(found) == 3
    assert jams["tempo"] == text["tempo"] == own["tempo"] == 112
    assert jams["key"] == text["key"] == own["key"] == "D minor"
    assert text["beats"] == pytest.approx(jams["beats"], abs=1e-4)
    assert text["downbeats"] == pytest.approx(jams["downbeats"], abs=1e-4)
    assert jams["downbeats"] == jams["beats"][::4]
    assert jams["sections"] == text["sections"] == [[0.0, "verse"], [12.0, "chorus"]]
    assert jams["end"] == text["end"] == 20


def test_a_folder_is_scored(collection: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analysis.main(["--folder", str(collection), "--only", "sfa", "--json"]) == 0
    cells: dict[str, Any] = {cell["cell"]: cell for cell in json.loads(capsys.readouterr().out)["cells"]}  # fmt: skip
    assert cells["acc1"]["median"] == cells["acc2"]["median"] == 1
    assert cells["beat_f"]["median"] > 0.95
    assert cells["key"]["median"] == 1
    assert {"downbeat_f", "sections_3s", "processor"} <= set(cells)
    # A truth that is another gets another score: it is not the answers that are counted.
    (collection / "own/c.json").write_text(json.dumps({"tempo": 90.0, "key": "G minor"}))
    assert analysis.main(["--folder", str(collection / "own"), "--only", "sfa", "--json"]) == 0
    cells = {cell["cell"]: cell for cell in json.loads(capsys.readouterr().out)["cells"]}
    assert (cells["acc1"]["median"], cells["acc2"]["median"], cells["key"]["median"]) == (0, 0, 0.5)


@pytest.mark.parametrize(
    ("text", "name"),
    [("C", "C major"), ("a", "A minor"), ("Bb", "A# major"), ("F#:min", "F# minor"), ("Ebm", "D# minor"), ("G maj", "G major"), ("H", None), ("N", None), ("", None)],
)  # fmt: skip
def test_keys_are_read_however_they_are_written(text: str, name: str | None) -> None:
    assert notes.key(text) == name
