"""Render the bench's pieces through fluidsynth, disturb them, and keep them with their truth under var/bench/music.

Debian's ``fluidsynth`` with ``fluid-soundfont-gm`` (train) and ``timgm6mb-soundfont`` (held-out). A piece is rendered
once and kept as FLAC with a JSON annotation beside it; delete the folder to render anew.
"""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import lameenc
import mido
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from tests.bench.hearing import pieces
from tests.bench.hearing.pieces import Piece

RATE: Final = 44100
FONTS: Final = {
    "train": Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    "held-out": Path("/usr/share/sounds/sf2/TimGM6mb.sf2"),
}
PACKAGES: Final = "apt-get install fluidsynth fluid-soundfont-gm timgm6mb-soundfont"
TICKS: Final = 5000  # a beat of half a second: a tenth of a millisecond each
Samples = NDArray[np.float32]


def missing(split: str) -> str | None:
    """What is not installed, as a sentence; None where all is there."""
    if shutil.which("fluidsynth") is None:
        return f"fluidsynth is not installed: {PACKAGES}"
    if not FONTS[split].exists():
        return f"{FONTS[split].name} is not installed: {PACKAGES}"
    return None


def piece(split: str, number: int, folder: Path) -> Path:
    """The audio of a piece, rendered where it is not there yet; its truth lies beside it as .json."""
    made = pieces.compose(split, number)
    path = folder / f"{made.name}.flac"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        samples = _disturb(made, _play(made))
        path.with_suffix(".json").write_text(json.dumps(made.truth()))
        partial = path.with_suffix(".part")
        soundfile.write(partial, samples, RATE, format="FLAC", subtype="PCM_16")
        partial.rename(path)
    return path


def midi(made: Piece) -> Any:
    """The piece as a MIDI file with absolute times: tempo changes are in the notes, not in the meta events."""
    rng = random.Random(made.seed + 1)
    events: list[tuple[float, int, Any]] = []
    for channel, program in made.programs.items():
        events.append((0.0, 0, mido.Message("program_change", channel=channel, program=program)))
        bend = round(8192 * made.detune / 200)
        events.append((0.0, 0, mido.Message("pitchwheel", channel=channel, pitch=bend)))
    for beat, length, channel, note, velocity in made.notes:
        late = rng.gauss(0, made.jitter) if made.jitter else 0.0
        start = max(0.01, made.seconds(beat) + late)
        end = max(start + 0.03, made.seconds(beat + length))
        velocity = min(127, max(1, velocity))
        events.append(
            (start, 2, mido.Message("note_on", channel=channel, note=note, velocity=velocity))
        )
        events.append((end, 1, mido.Message("note_off", channel=channel, note=note)))
    file = mido.MidiFile(ticks_per_beat=TICKS)
    track = mido.MidiTrack()
    file.tracks.append(track)
    now = 0
    for at, _, message in sorted(events, key=lambda event: event[:2]):
        tick = round(at * 2 * TICKS)
        track.append(message.copy(time=max(0, tick - now)))
        now = max(now, tick)
    track.append(mido.MetaMessage("end_of_track", time=TICKS))
    return file


def _play(made: Piece) -> Samples:
    with tempfile.TemporaryDirectory() as scratch:
        score, sound = Path(scratch) / "score.mid", Path(scratch) / "sound.wav"
        midi(made).save(score)
        command = ["fluidsynth", "-ni", "-q", "-g", "0.5", "-r", str(RATE), "-F", str(sound)]
        subprocess.run(
            [*command, str(FONTS[made.split]), str(score)],
            check=True,
            capture_output=True,
            timeout=600,
        )
        samples, _ = soundfile.read(sound, dtype="float32", always_2d=True)
    samples = samples[: round((made.seconds(made.bars * made.beats_per_bar) + 1.0) * RATE)]
    return np.asarray(samples / max(1.0, float(np.abs(samples).max()) / 0.98), np.float32)


def _disturb(made: Piece, samples: Samples) -> Samples:
    if made.noise_db is not None:
        level = 10 ** (made.noise_db / 20)
        noise = np.random.default_rng(made.seed).standard_normal(samples.shape)
        samples = np.clip(samples + level * noise, -1, 1).astype(np.float32)
    return through_mp3(samples, made.mp3_kbits) if made.mp3_kbits else samples


def through_mp3(samples: Samples, kbits: int) -> Samples:
    """Encode and decode (frames, 2) at 44.1 kHz, in step with the original: the encoder's delay is taken off."""
    lame = lameenc.Encoder()
    lame.set_bit_rate(kbits)
    lame.set_in_sample_rate(RATE)
    lame.set_channels(2)
    lame.silence()
    whole = np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2")
    coded = lame.encode(whole.tobytes()) + lame.flush()
    decoded, rate = soundfile.read(io.BytesIO(bytes(coded)), dtype="float32", always_2d=True)
    # At low rates the encoder halves the band: the file then has another sample rate.
    decoded = soxr.resample(decoded, rate, RATE) if rate != RATE else decoded
    # Where the decoder has not taken it off, the delay shows as a lag of the correlation.
    span = min(len(samples), 8 * RATE)
    a, b = samples[:span].sum(axis=1), decoded[:span].sum(axis=1)
    size = 2 * span
    lag = int(np.argmax(np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)))[:4000]))
    return np.asarray(decoded[lag : lag + len(samples)], np.float32)
