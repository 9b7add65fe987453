"""Define the answers that separated stems give: beats of the drums, key of bass and other.

They stand beside the mix's own (`sfa.features.Analysis`) and have the same shapes and ranges. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sfa.features import CAMELOT, VERSION, Features, FeaturesError, Grid, KeyDetail


@dataclass(frozen=True, slots=True)
class StemAnalysis:
    """Tempo and beats (seconds) of the drums, key of bass and other; confidences are 0..1."""

    tempo: float | None = None
    tempo_confidence: float = 0.0
    key: str | None = None
    key_confidence: float = 0.0
    camelot: str | None = None
    beats: tuple[float, ...] = ()
    bars: tuple[float, ...] = ()
    grid: Grid = field(default_factory=Grid)
    key_detail: KeyDetail = field(default_factory=KeyDetail)
    version: int = VERSION

    def __post_init__(self) -> None:
        for name, low, high in (
            ("tempo", 20, 400),
            ("tempo_confidence", 0, 1),
            ("key_confidence", 0, 1),
        ):
            value = getattr(self, name)
            if value is None and name == "tempo":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise FeaturesError(f"{name} is {value!r}, not a number")
            if not low <= value <= high:
                raise FeaturesError(f"{name} is {value!r}, not within {low}..{high}")
        if self.key is not None and self.key not in CAMELOT:
            raise FeaturesError(f"key is {self.key!r}, not one of 24 like 'C major' or 'F# minor'")
        if self.camelot != (CAMELOT[self.key] if self.key else None):
            raise FeaturesError(f"camelot {self.camelot!r} does not belong to key {self.key!r}")
        # The same checks as the mix's beats have.
        Features(beats=self.beats, bars=self.bars, grid=self.grid, key_detail=self.key_detail)

    @classmethod
    def from_json(cls, body: Any) -> StemAnalysis:
        """Read an analyzer's result; keys that are not of the schema are ignored."""
        if not isinstance(body, Mapping):
            raise FeaturesError("the stems' analysis is not an object")
        missing = [name for name in cls.__dataclass_fields__ if name not in body]
        if missing:
            raise FeaturesError(f"the stems' analysis lacks {', '.join(missing)}")
        whole = Features.from_json(
            {
                **Features().to_json(),
                **{name: body[name] for name in ("beats", "bars", "grid", "key_detail")},
            }
        )
        scalars = ("tempo", "tempo_confidence", "key", "key_confidence", "camelot", "version")
        return cls(
            **{name: body[name] for name in scalars},
            beats=whole.beats,
            bars=whole.bars,
            grid=whole.grid,
            key_detail=whole.key_detail,
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)
