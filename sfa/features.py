"""Define the one typed schema of an analysis: analyzer, table, API and charts share it.

``from_json`` refuses what is missing, of the wrong shape, out of range or not finite with a
FeaturesError that names the field; ``to_json`` gives plain lists and numbers back. A silent track
has no tempo and no key, energy 0 and no NaN anywhere. Standard library only.
``version`` counts the methods behind the values: old results keep drawing under their own; a field
that a result's version did not have yet reads as its default.
For who draws: ``features.beats`` and ``features.bars`` are seconds, ``features.grid`` says whether they
are a constant grid; ``features.sections`` cover the track; ``features.moments`` are drops and build-ups;
``features.loops`` are good to repeat; the waveform comes at two zooms, ``peaks`` (1000 columns) and
``zoom`` (4000), each column the extremes of an equal share of the track. A stem's ``peaks`` column
(table stems) has the shape of ``features.peaks``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

VERSION: Final = 2
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
OPEN_KEY: Final[Mapping[str, str]] = {
    key: f"{(int(name[:-1]) + 4) % 12 + 1}{'d' if name[-1] == 'B' else 'm'}"
    for key, name in CAMELOT.items()
}
CONTRAST: Final = 7
MAX_MARKS: Final = 600
# What each value was measured with, by the version that brought it; read with the result's version.
METHODS: Final[Mapping[str, str]] = {
    "tempo": "2: autocorrelation of log-mel flux, candidates judged by a conditional logit",
    "beats": "2: dynamic programming of half-beats, robust line, taught side",
    "bars": "2: conditional logit over metre and place",
    "key": "2: tuned spectral-peak chroma, low peaks first, against Albrecht and Shanahan's profiles",
    "sections": "2: novelty of bars' timbre, harmony and level (Foote 2000)",
    "loudness": "2: ITU-R BS.1770-4, gated; true peak by 4 times oversampling",
    "energy": "1: level of the louder half of the frames, -45..-6 dB",
    "spectrum": "1: librosa's definitions at 22,050 Hz, window 2048, hop 512",
    "mfcc": "1: Slaney mel, 128 bands, 13 coefficients",
    "chroma": "2: spectral peaks at 11,025 Hz, window 8192, low ones first",
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
    bandwidth: tuple[float, ...] = ()
    flatness: tuple[float, ...] = ()

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
        for name, top in (("bandwidth", math.inf), ("flatness", 1.0)):
            row = getattr(self, name)  # since version 2
            _row(f"series.{name}", row, 0.0, top, count if row else 0)
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
        for name in ("bandwidth", "flatness"):
            rows[name] = tuple(_list(table.get(name, ()), f"series.{name}"))
        return cls(**rows)


@dataclass(frozen=True, slots=True)
class Grid:
    """How the beats lie: constant (``steady``) or drifting, their spread round a constant grid in
    milliseconds, beats a bar and how sure the bars are; the tempi that were also considered."""

    steady: bool = False
    residual_ms: float = 0.0
    metre: int = 4
    bar_confidence: float = 0.0
    others: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(cast(Any, self.steady), bool):
            raise FeaturesError(f"grid.steady is {self.steady!r}, not true or false")
        if type(self.metre) is not int or not 2 <= self.metre <= 12:
            raise FeaturesError(f"grid.metre is {self.metre!r}, not a whole number within 2..12")
        _check("grid.residual_ms", self.residual_ms, 0, math.inf)
        _check("grid.bar_confidence", self.bar_confidence, 0, 1)
        for pair in self.others:
            _row("grid.others", pair, 0, 400, 2)


@dataclass(frozen=True, slots=True)
class KeyDetail:
    """The runner-up, how far behind it is (correlation), the open-key name, the tuning in cents."""

    second: str | None = None
    margin: float = 0.0
    open_key: str | None = None
    tuning: float = 0.0

    def __post_init__(self) -> None:
        if self.second is not None and self.second not in CAMELOT:
            raise FeaturesError(f"key_detail.second is {self.second!r}, not one of the 24 keys")
        if self.open_key is not None and self.open_key not in OPEN_KEY.values():
            raise FeaturesError(f"key_detail.open_key is {self.open_key!r}, not one like '8d'")
        _check("key_detail.margin", self.margin, 0, 2)
        _check("key_detail.tuning", self.tuning, -50, 50)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the track in seconds; equal labels sound alike; energy 0..1 within the track."""

    start: float
    end: float
    label: str
    energy: float = 0.0
    key: str | None = None

    def __post_init__(self) -> None:
        _check("sections.start", self.start, 0, math.inf)
        _check("sections.end", self.end, self.start, math.inf)
        _check("sections.energy", self.energy, 0, 1)
        if type(self.label) is not str or not 1 <= len(self.label) <= 20:
            raise FeaturesError(f"sections.label is {self.label!r}, not a short text")
        if self.key is not None and self.key not in CAMELOT:
            raise FeaturesError(f"sections.key is {self.key!r}, not one of the 24 keys")


@dataclass(frozen=True, slots=True)
class Moment:
    """A drop, or the start of a build-up, in seconds, on a bar line; strength 0..1."""

    kind: str
    time: float
    strength: float

    def __post_init__(self) -> None:
        if self.kind not in ("drop", "build"):
            raise FeaturesError(f"moments.kind is {self.kind!r}, not drop or build")
        _check("moments.time", self.time, 0, math.inf)
        _check("moments.strength", self.strength, 0, 1)


@dataclass(frozen=True, slots=True)
class Loop:
    """A stretch of whole bars that runs on into its own beginning; score 0..1."""

    start: float
    end: float
    bars: int
    score: float

    def __post_init__(self) -> None:
        _check("loops.start", self.start, 0, math.inf)
        _check("loops.end", self.end, self.start, math.inf)
        _check("loops.score", self.score, 0, 1)
        if type(self.bars) is not int or self.bars < 1:
            raise FeaturesError(f"loops.bars is {self.bars!r}, not a whole number from 1")


@dataclass(frozen=True, slots=True)
class Features:
    """What the charts draw: means, beats and bars (seconds), series, waveform, structure.

    ``onsets`` are the strongest onsets in seconds, at most 600.
    """

    mfcc: tuple[float, ...] = (0.0,) * MFCC
    chroma: tuple[float, ...] = (0.0,) * 12
    beats: tuple[float, ...] = ()
    series: Series = field(default_factory=Series)
    peaks: Peaks = field(default_factory=Peaks)
    bars: tuple[float, ...] = ()
    onsets: tuple[float, ...] = ()
    contrast: tuple[float, ...] = (0.0,) * CONTRAST
    bandwidth: float | None = None
    flatness: float | None = None
    grid: Grid = field(default_factory=Grid)
    key_detail: KeyDetail = field(default_factory=KeyDetail)
    sections: tuple[Section, ...] = ()
    moments: tuple[Moment, ...] = ()
    loops: tuple[Loop, ...] = ()
    zoom: Peaks = field(default_factory=Peaks)
    methods: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _row("features.mfcc", self.mfcc, -math.inf, math.inf, MFCC)
        _row("features.chroma", self.chroma, 0, 1, 12)
        _row("features.beats", self.beats, 0, math.inf)
        _row("features.bars", self.bars, 0, math.inf)
        _row("features.onsets", self.onsets, 0, math.inf)
        _row("features.contrast", self.contrast, -math.inf, math.inf, CONTRAST)
        if self.bandwidth is not None:
            _check("features.bandwidth", self.bandwidth, 0, math.inf)
        if self.flatness is not None:
            _check("features.flatness", self.flatness, 0, 1)
        for name in ("onsets", "sections", "moments", "loops"):
            if len(getattr(self, name)) > MAX_MARKS:
                raise FeaturesError(f"features.{name} has more than {MAX_MARKS} entries")

    @classmethod
    def from_json(cls, body: Any) -> Features:
        """Read the features column or the analyzer's frame; what came with version 2 may be missing."""
        table = _table(body, "features")
        names = ("mfcc", "chroma", "beats")
        mfcc, chroma, beats = (tuple(_list(table.get(n), f"features.{n}")) for n in names)
        later: dict[str, Any] = {}
        for name in ("bars", "onsets", "contrast"):
            if name in table:
                later[name] = tuple(_list(table[name], f"features.{name}"))
        for name in ("bandwidth", "flatness", "methods"):
            if name in table:
                later[name] = table[name]
        for name, kind in (("sections", Section), ("moments", Moment), ("loops", Loop)):
            entries = _list(table.get(name, ()), f"features.{name}")
            later[name] = tuple(_record(kind, entry, f"features.{name}") for entry in entries)
        if "grid" in table:
            grid = dict(_table(table["grid"], "features.grid"))
            grid["others"] = tuple(map(tuple, _list(grid.get("others"), "grid.others")))
            later["grid"] = _record(Grid, grid, "features.grid")
        if "key_detail" in table:
            later["key_detail"] = _record(KeyDetail, table["key_detail"], "features.key_detail")
        if "zoom" in table:
            later["zoom"] = Peaks.from_json(table["zoom"])
        series, peaks = Series.from_json(table.get("series")), Peaks.from_json(table.get("peaks"))
        return cls(mfcc, chroma, beats, series, peaks, **later)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}


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
    loudness: float | None = None
    true_peak_db: float | None = None
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
            ("loudness", -400.0, 100.0),
            ("true_peak_db", -400.0, 100.0),
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
        if table.get("version") == 1:
            table = {"loudness": None, "true_peak_db": None} | table
        missing = [name for name in cls.__dataclass_fields__ if name not in table]
        if missing:
            raise FeaturesError(f"the analysis lacks {', '.join(missing)}")
        values = {name: table[name] for name in cls.__dataclass_fields__}
        return cls(**{**values, "features": Features.from_json(values["features"])})

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}


def _plain(value: Any) -> Any:
    """As ``dataclasses.asdict`` has it, but a row of scalars as it is: copying each of 30,000 takes as long as finding them."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, list | tuple):
        scalars = not value or isinstance(value[0], int | float | str | None)
        return value if scalars else type(value)(_plain(entry) for entry in value)
    return value


def _record(kind: Any, body: Any, name: str) -> Any:
    """Build a dataclass from an object with exactly its fields."""
    table = _table(body, name)
    if set(table) != set(kind.__dataclass_fields__):
        wrong = set(table) ^ set(kind.__dataclass_fields__)
        raise FeaturesError(f"{name}: {', '.join(sorted(map(str, wrong)))} is missing or unknown")
    return kind(**table)


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
    # All at once, which is a tenth of the whole analysis faster; what is wrong is looked for one by one.
    if not row:
        return
    numbers = set(map(type, row)) <= {int, float} and math.isfinite(sum(row))
    if numbers and low <= min(row) and max(row) <= high:
        return
    for value in row:
        _check(name, value, low, high)
