"""Define the one typed schema of an analysis: analyzer, table, API and charts share it.

``from_json`` refuses what is missing, of the wrong shape, out of range or not finite with a
FeaturesError that names the field; ``to_json`` gives plain lists and numbers back. A silent track
has no tempo and no key, energy 0 and no NaN anywhere. Standard library only.
``version`` counts the methods behind the values: old results keep drawing under their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

VERSION: Final = 1
MFCC: Final = 13
MAX_COLUMNS: Final = 600
MAX_PEAKS: Final = 4000
PITCHES: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
# Camelot's wheel turns by fifths: seven semitones are one hour; C major is 8B, A minor 8A.
CAMELOT: Final[Mapping[str, str]] = {
    f"{pitch} {mode}": f"{(7 * (index - root) + 7) % 12 + 1}{letter}"
    for mode, root, letter in (("major", 0, "B"), ("minor", 9, "A"))
    for index, pitch in enumerate(PITCHES)
}


class FeaturesError(ValueError):
    """An analysis does not fit the schema."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """A waveform for drawing: the lowest and highest sample of each column, -127..127."""

    min: tuple[int, ...] = ()
    max: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, column in (("min", self.min), ("max", self.max)):
            if len(column) > MAX_PEAKS or len(column) != len(self.min):
                raise FeaturesError(f"peaks.{name} has {len(column)} columns")
            if any(type(value) is not int or not -127 <= value <= 127 for value in column):
                raise FeaturesError(f"peaks.{name} is not whole numbers within -127..127")

    @classmethod
    def from_json(cls, body: Any) -> Peaks:
        """Read {"min": [..], "max": [..]}."""
        table = _table(body, "features.peaks")
        return cls(*(tuple(_list(table.get(name), f"peaks.{name}")) for name in ("min", "max")))


@dataclass(frozen=True, slots=True)
class Series:
    """Values along the track, at most 600 columns: seconds, then a row each (or 13 and 12)."""

    times: tuple[float, ...] = ()
    rms: tuple[float, ...] = ()
    centroid: tuple[float, ...] = ()
    rolloff: tuple[float, ...] = ()
    zcr: tuple[float, ...] = ()
    mfcc: tuple[tuple[float, ...], ...] = ((),) * MFCC
    chroma: tuple[tuple[float, ...], ...] = ((),) * 12

    def __post_init__(self) -> None:
        count = len(self.times)
        if count > MAX_COLUMNS:
            raise FeaturesError(f"series.times has {count} columns, more than {MAX_COLUMNS}")
        _row("series.times", self.times, 0, math.inf)
        if any(later <= sooner for sooner, later in zip(self.times, self.times[1:], strict=False)):
            raise FeaturesError("series.times does not rise")
        for name, low, high in (
            ("rms", 0.0, math.inf),
            ("centroid", 0.0, math.inf),
            ("rolloff", 0.0, math.inf),
            ("zcr", 0.0, 1.0),
        ):
            _row(f"series.{name}", getattr(self, name), low, high, count)
        for name, rows, low, high in (
            ("mfcc", MFCC, -math.inf, math.inf),
            ("chroma", 12, 0, 1),
        ):
            matrix = getattr(self, name)
            if len(matrix) != rows:
                raise FeaturesError(f"series.{name} has {len(matrix)} rows, not {rows}")
            for row in matrix:
                _row(f"series.{name}", row, low, high, count)

    @classmethod
    def from_json(cls, body: Any) -> Series:
        """Read an object of lists."""
        table = _table(body, "features.series")
        flat = ("times", "rms", "centroid", "rolloff", "zcr")
        rows = {name: tuple(_list(table.get(name), f"series.{name}")) for name in flat}
        for name in ("mfcc", "chroma"):
            matrix = _list(table.get(name), f"series.{name}")
            rows[name] = tuple(tuple(_list(row, f"series.{name}")) for row in matrix)
        return cls(**rows)


@dataclass(frozen=True, slots=True)
class Features:
    """What the charts draw: means, beats (seconds), series, waveform."""

    mfcc: tuple[float, ...] = (0.0,) * MFCC
    chroma: tuple[float, ...] = (0.0,) * 12
    beats: tuple[float, ...] = ()
    series: Series = field(default_factory=Series)
    peaks: Peaks = field(default_factory=Peaks)

    def __post_init__(self) -> None:
        _row("features.mfcc", self.mfcc, -math.inf, math.inf, MFCC)
        _row("features.chroma", self.chroma, 0, 1, 12)
        _row("features.beats", self.beats, 0, math.inf)

    @classmethod
    def from_json(cls, body: Any) -> Features:
        """Read the features column or the analyzer's frame."""
        table = _table(body, "features")
        names = ("mfcc", "chroma", "beats")
        mfcc, chroma, beats = (tuple(_list(table.get(n), f"features.{n}")) for n in names)
        series, peaks = Series.from_json(table.get("series")), Peaks.from_json(table.get("peaks"))
        return cls(mfcc, chroma, beats, series, peaks)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analysis of one track; confidences are 0..1, levels dB relative to full scale."""

    duration_ms: int
    sample_rate: int
    channels: int
    tempo: float | None = None
    tempo_confidence: float = 0.0
    key: str | None = None
    key_confidence: float = 0.0
    camelot: str | None = None
    energy: float = 0.0
    rms_db: float | None = None
    peak_db: float | None = None
    spectral_centroid: float | None = None
    spectral_rolloff: float | None = None
    zero_crossing_rate: float | None = None
    features: Features = field(default_factory=Features)
    version: int = VERSION

    def __post_init__(self) -> None:
        for name, least in (
            ("duration_ms", 0),
            ("sample_rate", 1),
            ("channels", 1),
            ("version", 1),
        ):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise FeaturesError(f"{name} is {value!r}, not a whole number from {least}")
        for name, low, high in (
            ("tempo_confidence", 0, 1),
            ("key_confidence", 0, 1),
            ("energy", 0, 1),
        ):
            _check(name, getattr(self, name), low, high)
        for name, bottom, top in (
            ("tempo", 20.0, 400.0),
            ("rms_db", -400.0, 100.0),
            ("peak_db", -400.0, 100.0),
            ("spectral_centroid", 0.0, math.inf),
            ("spectral_rolloff", 0.0, math.inf),
            ("zero_crossing_rate", 0.0, 1.0),
        ):
            if (value := getattr(self, name)) is not None:
                _check(name, value, bottom, top)
        if self.key is not None and self.key not in CAMELOT:
            raise FeaturesError(f"key is {self.key!r}, not one of 24 like 'C major' or 'F# minor'")
        if self.camelot != (CAMELOT[self.key] if self.key else None):
            raise FeaturesError(f"camelot {self.camelot!r} does not belong to key {self.key!r}")

    @classmethod
    def from_json(cls, body: Any) -> Analysis:
        """Read an analyzer's result; keys that are not of the schema are ignored."""
        table = dict(_table(body, "analysis"))
        missing = [name for name in cls.__dataclass_fields__ if name not in table]
        if missing:
            raise FeaturesError(f"the analysis lacks {', '.join(missing)}")
        values = {name: table[name] for name in cls.__dataclass_fields__}
        return cls(**{**values, "features": Features.from_json(values["features"])})

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def _table(body: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise FeaturesError(f"{name} is not an object")
    return body


def _list(body: Any, name: str) -> Sequence[Any]:
    if not isinstance(body, list | tuple):
        raise FeaturesError(f"{name} is not a list")
    return body


def _check(name: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FeaturesError(f"{name} is {value!r}, not a number")
    if not low <= value <= high:
        raise FeaturesError(f"{name} is {value!r}, not within {low:g}..{high:g}")


def _row(name: str, row: Sequence[Any], low: float, high: float, count: int | None = None) -> None:
    if count is not None and len(row) != count:
        raise FeaturesError(f"{name} has {len(row)} values, not {count}")
    for value in row:
        _check(name, value, low, high)
