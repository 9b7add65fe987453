"""Rendered music with known stems: the analysis bench's pieces, a stem at a time, as a mix places them.

Drums and bass in the middle, a voice (the choir and voice programs of General MIDI) in the middle, chords and pads to the
sides, each through the sound font's own reverb. "train" and "held-out" share no piece, no sound font, no instrument.
Limit: rendered, not recorded: a General MIDI voice has no words.
"""

from __future__ import annotations

import dataclasses
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import mido
import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.bench.hearing import pieces, render

SECONDS: Final = 15.0
CHANNELS: Final = {"drums": (9,), "bass": (1,), "other": (0, 3), "vocals": (2,)}
VOICES: Final = {"train": (52, 53, 54), "held-out": (53, 85, 52)}
PAN: Final = {0: 30, 3: 100}
STYLES: Final = (
    "house",
    "rock",
    "hip-hop",
    "reggae",
    "bossa",
    "ballad",
    "drum and bass",
    "shuffle",
)
Samples = NDArray[np.float32]


def songs(split: str, count: int, folder: Path) -> list[dict[str, Samples]]:
    """So many songs' stems, (frames, 2) at 44.1 kHz each, rendered where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, Samples]] = []
    number = 0
    while len(found) < count:
        piece = pieces.compose(split, number)
        number += 1
        if piece.style in STYLES:
            found.append(_stems(piece, folder))
    return found


def _stems(piece: pieces.Piece, folder: Path) -> dict[str, Samples]:
    path = folder / f"{piece.name}.npz"
    if not path.exists():
        voices = VOICES[piece.split]
        programs = piece.programs | {2: voices[piece.seed % len(voices)]}
        plain = dataclasses.replace(piece, programs=programs, noise_db=None, mp3_kbits=None)
        stems = {name: _play(plain, channels) for name, channels in CHANNELS.items()}
        size = min(len(stem) for stem in stems.values())
        # From the second section on, where all of them play.
        start = min(max(0, size - round(SECONDS * render.RATE)), round(8 * render.RATE))
        part = slice(start, start + round(SECONDS * render.RATE))
        cut = {name: stem[:size][part] for name, stem in stems.items()}
        peak = max(1.0, float(np.abs(np.sum(list(cut.values()), axis=0)).max()))
        scaled: dict[str, Any] = {name: stem / np.float32(peak) for name, stem in cut.items()}
        np.savez(path, **scaled)
    with np.load(path) as saved:
        return {name: saved[name] for name in CHANNELS}


def _play(piece: pieces.Piece, channels: tuple[int, ...]) -> Samples:
    notes = [note for note in piece.notes if note[2] in channels]
    score: Any = render.midi(dataclasses.replace(piece, notes=notes))
    for channel in channels:
        if channel in PAN:
            pan = mido.Message("control_change", channel=channel, control=10, value=PAN[channel])
            score.tracks[0].insert(0, pan)
    with tempfile.TemporaryDirectory() as scratch:
        written, sound = Path(scratch) / "score.mid", Path(scratch) / "sound.wav"
        score.save(written)
        command = ["fluidsynth", "-ni", "-q", "-g", "0.4", "-r", str(render.RATE), "-F", str(sound)]
        subprocess.run(
            [*command, str(render.FONTS[piece.split]), str(written)],
            check=True, capture_output=True, timeout=600,
        )  # fmt: skip
        samples, _ = soundfile.read(sound, dtype="float32", always_2d=True)
    return np.asarray(samples, np.float32)
