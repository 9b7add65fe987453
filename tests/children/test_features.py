"""Hold the analysis schema to its shapes and ranges."""

import json
from typing import Any

import pytest

from sfa.features import CAMELOT, Analysis, Features, FeaturesError, Peaks, Series


def whole() -> dict[str, Any]:
    series = Series(
        times=(0.5, 1.5),
        rms=(0.1, 0.2),
        centroid=(100.0, 200.0),
        rolloff=(1.0, 2.0),
        zcr=(0.0, 1.0),
        mfcc=((1.0, -2.0),) * 13,
        chroma=((0.0, 1.0),) * 12,
    )
    features = Features((1.0,) * 13, (0.5,) * 12, (0.1, 0.6), series, Peaks((-127, 0), (127, 1)))
    analysis = Analysis(
        1000, 44100, 2, 124.0, 0.9, "A minor", 0.8, "8A", 0.5, -12.0, -1.0, features=features
    )
    body: dict[str, Any] = json.loads(json.dumps(analysis.to_json(), allow_nan=False))
    return body


def test_it_comes_back_as_it_went() -> None:
    body = whole()
    assert json.loads(json.dumps(Analysis.from_json(body).to_json())) == body


def test_a_silent_track_fits() -> None:
    body = json.loads(json.dumps(Analysis(200, 44100, 1).to_json()))
    assert Analysis.from_json(body) == Analysis(200, 44100, 1)


def test_camelot_is_the_wheel() -> None:
    assert CAMELOT["C major"] == "8B"
    assert CAMELOT["A minor"] == "8A"
    assert CAMELOT["G major"] == "9B"
    assert CAMELOT["F# minor"] == "11A"
    assert CAMELOT["F major"] == "7B"
    assert CAMELOT["E major"] == "12B"
    assert len(set(CAMELOT.values())) == 24


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tempo", 1240),
        ("tempo", float("nan")),
        ("tempo", "124"),
        ("tempo_confidence", 2.33),
        ("energy", -0.1),
        ("energy", None),
        ("key", "H major"),
        ("camelot", "1A"),
        ("duration_ms", 1.5),
        ("channels", 0),
        ("version", True),
        ("zero_crossing_rate", 1.1),
        ("features", None),
        ("features", {}),
    ],
)
def test_a_wrong_scalar_is_named(key: str, value: object) -> None:
    with pytest.raises(FeaturesError, match=key):
        Analysis.from_json({**whole(), key: value})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("mfcc",), [0.0] * 12),
        (("chroma",), [1.5] * 12),
        (("beats",), [-1.0]),
        (("series", "times"), [1.0, 1.0]),
        (("series", "times"), [float(n) for n in range(601)]),
        (("series", "rms"), [0.1]),
        (("series", "mfcc"), [[0.0, 0.0]] * 12),
        (("series", "chroma"), [[0.0, float("inf")]] * 12),
        (("peaks", "min"), [-128, 0]),
        (("peaks", "max"), [0]),
        (("peaks", "max"), [0.5, 1]),
    ],
)
def test_a_wrong_list_is_named(path: tuple[str, ...], value: object) -> None:
    body = whole()
    place = body["features"]
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(FeaturesError, match=path[-1]):
        Analysis.from_json(body)


def test_a_missing_field_is_named() -> None:
    body = whole()
    del body["tempo"]
    with pytest.raises(FeaturesError, match="tempo"):
        Analysis.from_json(body)
