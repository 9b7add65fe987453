"""Write a track as rekordbox reads it: its beat grid and its cue points, as the XML that rekordbox imports.

The form is rekordbox's own `DJ_PLAYLISTS` 1.0.0. A steady grid is one TEMPO from its first bar; one that drifts gets a
TEMPO a bar, so that it is followed. Hot cues keep their pads (A to H), all others become memory
cues; a loop carries its end. Limit: rekordbox finds the audio by `Location`, which is only a file's name here: it asks
where the file lies, or it is put beside the library's own.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from sfa.db import Row

CUE, LOOP = "0", "4"
KINDS = {"mp3": "MP3 File", "wav": "WAV File", "flac": "FLAC File", "m4a": "M4A File", "aiff": "AIFF File"}  # fmt: skip


def rekordbox(track: Row, features: dict[str, Any], cues: list[Row]) -> bytes:
    """The XML document of one track; `cues` are rows of the statement cue_list."""
    root = ElementTree.Element("DJ_PLAYLISTS", Version="1.0.0")
    ElementTree.SubElement(root, "PRODUCT", Name="Sound Forge Alchemy", Version="1", Company="")
    collection = ElementTree.SubElement(root, "COLLECTION", Entries="1")
    suffix = (track["audio_key"] or "").rsplit(".", 1)[-1]
    name = f"{track['artist']} – {track['title']}" if track["artist"] else track["title"]
    entry = ElementTree.SubElement(
        collection,
        "TRACK",
        {
            "TrackID": "1",
            "Name": plain(track["title"]),
            "Artist": plain(track["artist"] or ""),
            "Album": plain(track["album"] or ""),
            "Kind": KINDS.get(suffix, ""),
            "TotalTime": str(round((track["duration_ms"] or 0) / 1000)),
            "AverageBpm": f"{track['tempo'] or 0:.2f}",
            "Tonality": tonality(track["key"]),
            "Location": "file://localhost/" + quote(f"{plain(name)}.{suffix}"),
        },
    )
    for mark in tempi(features, track["tempo"]):
        ElementTree.SubElement(entry, "TEMPO", mark)
    for mark in positions(cues):
        ElementTree.SubElement(entry, "POSITION_MARK", mark)
    playlists = ElementTree.SubElement(root, "PLAYLISTS")
    ElementTree.SubElement(playlists, "NODE", Type="0", Name="ROOT", Count="0")
    ElementTree.indent(root)
    body: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return body


def tempi(features: dict[str, Any], tempo: float | None) -> list[dict[str, str]]:
    """The TEMPO marks: where a grid begins (seconds), its tempo, its metre, which beat of the bar that is."""
    grid, beats = features.get("grid", {}), features.get("beats", [])
    bars = features.get("bars", []) or beats[:1]
    metre = grid.get("metre", 4)
    if len(beats) < 2 or not bars:
        return []
    if grid.get("steady") and tempo:
        return [_tempo(bars[0], tempo, metre)]
    if len(bars) < 2:
        return [_tempo(bars[0], 60 * (len(beats) - 1) / (beats[-1] - beats[0]), metre)]
    return [_tempo(bar, 60 * metre / (after - bar), metre) for bar, after in pairwise(bars)]


def positions(cues: list[Row]) -> list[dict[str, str]]:
    """The POSITION_MARKs: hot cues are numbered from 0, memory cues have the number −1."""
    marks = []
    for cue in sorted(cues, key=lambda cue: cue["position_ms"]):
        number = cue["pad"] - 1 if cue["pad"] else -1
        mark = {
            "Name": plain(cue["label"]),
            "Type": LOOP if cue["end_ms"] else CUE,
            "Start": f"{cue['position_ms'] / 1000:.3f}",
        }
        if cue["end_ms"]:
            mark["End"] = f"{cue['end_ms'] / 1000:.3f}"
        mark["Num"] = str(number)
        if cue["colour"]:
            red, green, blue = bytes.fromhex(cue["colour"][1:])
            mark |= {"Red": str(red), "Green": str(green), "Blue": str(blue)}
        marks.append(mark)
    return marks


def tonality(key: str | None) -> str:
    """A key as rekordbox writes it: Am, F#, Bbm."""
    return (key or "").replace(" minor", "m").replace(" major", "")


def plain(text: str) -> str:
    """Without what XML can't hold."""
    return "".join(c for c in text if c >= " " and not "\ufffe" <= c <= "\uffff")


def _tempo(at: float, bpm: float, metre: int) -> dict[str, str]:
    return {"Inizio": f"{at:.3f}", "Bpm": f"{bpm:.2f}", "Metro": f"{metre}/4", "Battito": "1"}
