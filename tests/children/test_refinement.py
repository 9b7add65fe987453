"""What separated stems say of tempo, beats, bars and key, beside the mix's own answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfa.features import FeaturesError
from sfa.ports.child import InputError
from sfa.ports.children import instruments, refinement
from sfa.ports.children.score import Score
from sfa.stem_features import StemAnalysis
from tests.children import music

SCORE = Score(seconds=16, bpm=118, tonic=2, minor=True, seed=9)


def refine(folder: Path, stems: dict[str, music.Samples], **args: Any) -> StemAnalysis:
    paths = {
        name: str(music.write(folder / f"{name}.wav", stems[name]))
        for name in ("drums", "bass", "other")
    }
    body = refinement.refine(music.call({**paths, **args}))
    return StemAnalysis.from_json(json.loads(json.dumps(body, allow_nan=False)))


def test_beats_come_from_the_drums_and_the_key_from_bass_and_other(tmp_path: Path) -> None:
    rendered = instruments.render(SCORE)
    found = refine(tmp_path, rendered)
    assert found.tempo == pytest.approx(118, abs=0.05)
    truth = np.array(instruments.beats(SCORE))[1:-1]
    nearest = np.abs(np.array(found.beats)[None, :] - truth[:, None]).min(axis=1)
    assert nearest.max() < 0.015
    assert (found.key, found.camelot) == ("D minor", "7A")
    assert set(found.bars) <= set(found.beats)
    # Drums of another tempo and harmony of another key: each answer is its own stem's.
    other = instruments.render(Score(seconds=16, bpm=118, tonic=6, minor=False, seed=9))
    swapped = {**other, "drums": instruments.render(Score(seconds=16, bpm=97, seed=3))["drums"]}
    mixed = refine(tmp_path, swapped)
    assert mixed.tempo == pytest.approx(97, abs=0.05)
    assert mixed.key == "F# major"


def test_silent_stems_have_no_answer(tmp_path: Path) -> None:
    rendered = instruments.render(SCORE)
    no_drums = refine(tmp_path, {**rendered, "drums": music.silence(16)})
    assert (no_drums.tempo, no_drums.beats, no_drums.key) == (None, (), "D minor")
    nothing = music.silence(16)
    no_tune = refine(tmp_path, {**rendered, "bass": nothing, "other": nothing})
    assert (no_tune.key, no_tune.key_confidence) == (None, 0)
    assert no_tune.tempo == pytest.approx(118, abs=0.05)


def test_stems_of_different_lengths_are_read_to_the_end(tmp_path: Path) -> None:
    rendered = instruments.render(SCORE)
    assert refine(tmp_path, {**rendered, "bass": rendered["bass"][:1000]}).key == "D minor"


def test_the_range_of_tempi_holds_for_the_drums_too(tmp_path: Path) -> None:
    found = refine(tmp_path, instruments.render(SCORE), tempo_min=40, tempo_max=80)
    assert found.tempo == pytest.approx(59, abs=0.05)
    with pytest.raises(InputError, match="tempo_min"):
        refine(tmp_path, instruments.render(SCORE), tempo_min=80, tempo_max=40)


@pytest.mark.parametrize(
    ("field", "value"),
    [("tempo", 1000), ("key", "H major"), ("key_confidence", 1.5), ("beats", [-1.0]), ("grid", {}), ("camelot", "1A"), ("tempo_confidence", None)],
)  # fmt: skip
def test_a_wrong_answer_is_named(field: str, value: object) -> None:
    with pytest.raises(FeaturesError, match=field):
        StemAnalysis.from_json({**StemAnalysis().to_json(), field: value})
