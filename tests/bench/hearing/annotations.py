"""Read annotations of real audio, and bring an analysis into the shape that is scored.

Beside ``song.flac`` (or wav, mp3, ogg, opus, m4a, aiff), whichever there are:
``song.json``, the bench's own; ``song.jams`` (beat, tempo, key_mode, segment_open and their like);
``song.bpm`` or ``song.tempo`` (a number, or MIREX's slow, fast and share), ``song.beats`` (a time a line, optionally with the place in the bar),
``song.key`` ("C major", "Am", "F# minor"), ``song.lab`` or ``song.segments`` (start, end, label), as mir_eval and most
published data sets write them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

AUDIO: Final = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aiff", ".aif")
FLATS: Final = {
    "Db": "C#",
    "Eb": "D#",
    "Gb": "F#",
    "Ab": "G#",
    "Bb": "A#",
    "Cb": "B",
    "Fb": "E",
    "E#": "F",
    "B#": "C",
}
_KEY: Final = re.compile(r"\s*([A-Ga-g])([#b♯♭]?)[:\s]*(major|minor|maj|min|m|M)?\s*$")


def folder(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every annotated audio file below a folder, with what is known of it."""
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in AUDIO and (truth := read(path)):
            yield path, truth


def read(audio: Path) -> dict[str, Any]:
    """What the files beside an audio file say; empty where there are none."""
    own = audio.with_suffix(".json")
    if own.exists():
        body: dict[str, Any] = json.loads(own.read_text())
        return body
    truth: dict[str, Any] = {}
    if (jams := audio.with_suffix(".jams")).exists():
        truth |= _jams(json.loads(jams.read_text()))
    for suffix in (".bpm", ".tempo"):
        if (file := audio.with_suffix(suffix)).exists():
            truth["tempo"] = _tempo(
                [float(v) for v in re.split(r"[\s,;]+", file.read_text().strip())]
            )
    if (file := audio.with_suffix(".beats")).exists():
        rows = _rows(file)
        truth["beats"] = [float(row[0]) for row in rows]
        if rows and len(rows[0]) > 1:
            truth["downbeats"] = [float(row[0]) for row in rows if float(row[1]) == 1]
    if (file := audio.with_suffix(".key")).exists() and (
        name := key(file.read_text().strip().split("\t")[0])
    ):
        truth["key"] = name
    for suffix in (".lab", ".segments"):
        if (file := audio.with_suffix(suffix)).exists() and (rows := _rows(file)):
            truth["sections"] = [[float(row[0]), row[2] if len(row) > 2 else ""] for row in rows]
            truth["end"] = float(rows[-1][1])
    return truth


def _tempo(numbers: list[float]) -> float:
    """The tempo; of MIREX's three numbers (slow, fast, the slow one's share of listeners) the one more hear."""
    return numbers[1] if len(numbers) == 3 and numbers[2] < 0.5 else numbers[0]


def key(text: str) -> str | None:
    """A key's name as the analyzer writes it; None for what is no key of the 24."""
    if not (match := _KEY.match(text)):
        return None
    pitch = match[1].upper() + match[2].replace("♯", "#").replace("♭", "b")
    mode = (
        "minor"
        if match[3] in ("minor", "min", "m") or (match[3] is None and match[1].islower())
        else "major"
    )
    return f"{FLATS.get(pitch, pitch)} {mode}"


def answer(body: Mapping[str, Any]) -> dict[str, Any]:
    """An analysis in the shape of an answer."""
    features = body["features"]
    found = {"tempo": body["tempo"], "key": body["key"], "beats": features["beats"]}
    if "bars" in features:
        found["downbeats"] = features["bars"]
    if "sections" in features:
        found["sections"] = [[part["start"], part["label"]] for part in features["sections"]]
    return found


def _rows(file: Path) -> list[list[str]]:
    lines = (line.strip() for line in file.read_text().splitlines())
    return [
        re.split(r"[\s,;]+", line, maxsplit=2)
        for line in lines
        if line and not line.startswith("#")
    ]


def _jams(body: Mapping[str, Any]) -> dict[str, Any]:
    truth: dict[str, Any] = {}
    for annotation in body.get("annotations", []):
        data = annotation.get("data") or []
        name = annotation.get("namespace", "")
        if name == "tempo" and data:
            truth["tempo"] = float(max(data, key=lambda item: item.get("confidence") or 0)["value"])
        elif name == "beat":
            truth["beats"] = [float(item["time"]) for item in data]
            truth["downbeats"] = [float(item["time"]) for item in data if item.get("value") == 1]
        elif name == "beat_position":
            truth["beats"] = [float(item["time"]) for item in data]
            truth["downbeats"] = [
                float(item["time"]) for item in data if item["value"].get("position") == 1
            ]
        elif name == "key_mode" and data and (found := key(str(data[0]["value"]))):
            truth["key"] = found
        elif name.startswith("segment") and data:
            truth["sections"] = [[float(item["time"]), str(item["value"])] for item in data]
            truth["end"] = float(data[-1]["time"] + data[-1]["duration"])
    if not truth.get("downbeats"):
        truth.pop("downbeats", None)
    return truth
