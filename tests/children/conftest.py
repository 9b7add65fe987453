"""Share one rendered piece of music between the tests of the children."""

import os

# Before any library: two cores are shared with everything else.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pytest

from sfa.ports.children import instruments
from sfa.ports.children.score import Score
from tests.children import music

SCORE = Score(seconds=12, bpm=120, tonic=9, minor=True, seed=3)


@pytest.fixture(scope="session")
def stems() -> dict[str, music.Samples]:
    return instruments.render(SCORE)


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory, stems: dict[str, music.Samples]) -> Path:
    folder = tmp_path_factory.mktemp("music")
    return music.write(folder / "song.wav", np.sum(list(stems.values()), axis=0))
