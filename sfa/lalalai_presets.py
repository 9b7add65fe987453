"""Say a job in lalal.ai's words, and its results in ours: the border between the two vocabularies, pure.

The API says drum, synthesizer and ``vocals@0``; this project says drums, synth, and vocals with the label "lead".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sfa.errors import SfaError

KINDS = {
    "separate": "stem_separator",
    "multistem": "multistem",
    "demuser": "demuser",
    "voice_clean": "voice_clean",
    "voice_change": "change_voice",
}
TO_API = {"drums": "drum", "synth": "synthesizer"}
TO_OURS = {api: ours for ours, api in TO_API.items()}
LEVELS = {"deep": "deep_extraction", "clear": "clear_cut"}
PARTS = {"0": "lead", "1": "backing"}


@dataclass(frozen=True, slots=True)
class Result:
    """A track of a finished task: what it is here, and its link."""

    stem_type: str
    label: str
    url: str


def presets(operation: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The body's ``presets`` for a job; what was not chosen is left to the API's defaults."""
    wanted: dict[str, Any] = {}
    match operation:
        case "separate":
            wanted["stem"] = _api(options.get("stem", "vocals"))
            if options.get("lead_back"):
                wanted["multivocal"] = "lead_back"
        case "multistem":
            wanted["stem_list"] = [_api(stem) for stem in options["stems"]]
        case "demuser":
            wanted["stem"] = "music"
        case "voice_clean":
            wanted["stem"] = "voice"
            if "noise" in options:
                wanted["noise_cancelling_level"] = options["noise"]
        case "voice_change":
            wanted["voice_pack_id"] = options["voice"]
            if "accent" in options:
                wanted["accent"] = options["accent"]
            if tonality := options.get("tonality"):
                wanted["tonality_reference"] = {
                    "source": "source_file",
                    "voice": "voice_pack",
                }[tonality]
        case _:
            raise ValueError(operation)
    if splitter := options.get("splitter"):
        wanted["splitter"] = splitter
    if level := options.get("level"):
        wanted["extraction_level"] = LEVELS[level]
    if options.get("dereverb"):
        wanted["dereverb_enabled"] = True
    if form := options.get("format"):
        wanted["encoder_format"] = form
    return wanted


def minutes(operation: str, options: Mapping[str, Any], seconds: float) -> float:
    """What a job is billed: its length, times the stems of a multistem."""
    count = len(options["stems"]) if operation == "multistem" else 1
    return round(seconds / 60 * count, 2)


def results(answer: Mapping[str, Any]) -> list[Result]:
    """The tracks of a task that succeeded."""
    found = [
        Result(*name(str(track["label"])), str(track["url"]))
        for track in (answer.get("result") or {}).get("tracks") or []
        if track.get("label") and track.get("url")
    ]
    if not found:
        raise SfaError("lalal.ai says that it is done, and gives no tracks")
    return found


def name(label: str) -> tuple[str, str]:
    """Type and label of a track: ``vocals@0`` is ("vocals", "lead"), ``no_drum`` is ("no_drums", "")."""
    stem, _, part = label.lower().partition("@")
    without = stem.startswith("no_")
    stem = stem.removeprefix("no_")
    ours = TO_OURS.get(stem, stem)
    return (f"no_{ours}" if without else ours), PARTS.get(part, part)


def _api(stem: str) -> str:
    return TO_API.get(stem, stem)
