"""What a download brought, before it counts: the file, and what its source says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file in the job's own folder, which outlives the attempt.

    ``told_ms``: how long it should be, if that is known. ``facts``: title, artist, album, where the source says them.
    """

    path: Path
    format: str
    sha256: str
    told_ms: int | None = None
    cover: Path | None = None
    facts: Mapping[str, str | None] = field(default_factory=dict)


DONE = "done.json"
"""What spotify_dl writes last into its folder: its result."""


def left_by_port(folder: Path) -> Mapping[str, Any] | None:
    """What an earlier attempt's child has finished there: it need not even be started again."""
    try:
        told: dict[str, Any] = json.loads((folder / DONE).read_text())
        whole = (folder / Path(told["file"]).name).stat().st_size == told["bytes"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return told if whole else None


def by_port(folder: Path, answer: Mapping[str, Any], told_ms: int | None = None) -> Fetched:
    """The port's result, as its files in the folder."""
    cover = answer.get("cover")
    return Fetched(
        folder / Path(str(answer["file"])).name,
        str(answer["format"]),
        str(answer["sha256"]),
        told_ms,
        folder / Path(str(cover)).name if cover else None,
        answer.get("facts") or {},
    )
