"""Play a score: one function an instrument, each adds its notes to a stereo track.

Notes start on the exact sample nearest to their time on the grid. Loudness is fixed so that the mix
peaks below full scale without a limiter, which would break the sum of the stems.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from sfa.ports.children.score import RATE, Score

Samples = NDArray[np.float32]
# Degrees of the scale that carry a bar's chord: a tonic that is heard, a cadence every four bars.
PROGRESSIONS = {False: (0, 3, 4, 0), True: (0, 5, 3, 4)}
SCALES = {False: (0, 2, 4, 5, 7, 9, 11), True: (0, 2, 3, 5, 7, 8, 10)}
MELODY = (0, 2, 4, 2, 7, 4, 2, 1, 0, 1, 2, 4, 4, 2, 1, 0)
# First three formants (Hz) of the vowels that the lead walks through.
VOWELS = ((730, 1090, 2440), (530, 1840, 2480), (570, 840, 2410), (400, 2000, 2550))


def render(score: Score, progress: Callable[[float], None] = lambda _: None) -> dict[str, Samples]:
    """Return the four stems, (frames, 2) each."""
    parts = {"drums": drums, "bass": bass, "other": other, "vocals": lead}
    stems = {}
    for number, (name, play) in enumerate(parts.items()):
        stems[name] = play(score)
        progress(100 * (number + 1) / len(parts))
    return stems


def beats(score: Score) -> list[float]:
    """Return the time of every beat in seconds."""
    period = 60 / score.bpm
    return [n * period for n in range(int(np.ceil(score.seconds / period)))]


def drums(score: Score) -> Samples:
    """Kick on one and three, snare on two and four, hats on eighths, a little to the right."""
    track, rng = _silence(score), np.random.default_rng(score.seed)
    time = np.arange(int(0.35 * RATE)) / RATE
    thump = np.sin(2 * np.pi * (48 * time + 9 * (1 - np.exp(-time * 28)))) * np.exp(-time * 13)
    for number, at in enumerate(beats(score)):
        if number % 2 == 0:
            _add(track, at, 0.55 * thump)
        else:
            noise = rng.standard_normal(int(0.2 * RATE)) * np.exp(
                -np.arange(int(0.2 * RATE)) / 1800
            )
            body = np.sin(2 * np.pi * 190 * time[: len(noise)]) * np.exp(-time[: len(noise)] * 25)
            _add(track, at, 0.13 * noise + 0.2 * body)
        for half in (0.0, 30 / score.bpm):
            ticks = rng.standard_normal(int(0.06 * RATE))
            ticks = np.diff(ticks, 2, prepend=0, append=0) * np.exp(
                -np.arange(len(ticks) + 0) / 500
            )
            _add(track, at + half, 0.022 * ticks, pan=0.3)
    return track


def bass(score: Score) -> Samples:
    """Play the chord's root on every beat and its fifth before the next bar."""
    track, beat = _silence(score), 60 / score.bpm
    for number, at in enumerate(beats(score)):
        degree = _degree(score, number // 4) + (4 if number % 8 == 7 else 0)
        pitch = _pitch(score, degree, 36)
        time = np.arange(int(0.9 * beat * RATE)) / RATE
        tone = sum(np.sin(2 * np.pi * pitch * k * time) / k**1.6 for k in range(1, 7))
        _add(track, at, 0.16 * tone * _envelope(time, 0.008, 0.05) * np.exp(-1.5 * time))
    return track


def other(score: Score) -> Samples:
    """Hold a wide pad of triads under a plucked arpeggio in eighths, left of the centre."""
    track, beat = _silence(score), 60 / score.bpm
    for number, at in enumerate(beats(score)):
        root = _degree(score, number // 4)
        if number % 4 == 0:
            time = np.arange(int(4 * beat * RATE)) / RATE
            shape = _envelope(time, 0.06, 0.12)
            for voice, pan in zip((0, 2, 4), (-0.7, 0.7, 0.1), strict=True):
                pitch = _pitch(score, root + voice, 60)
                tone = sum(np.sin(2 * np.pi * pitch * k * time + k) / k**2 for k in range(1, 6))
                _add(track, at, 0.05 * tone * shape, pan)
        for half in (0, 1):
            pitch = _pitch(score, root + (0, 2, 4, 7)[(2 * number + half) % 4], 72)
            time = np.arange(int(0.4 * RATE)) / RATE
            tone = np.sin(2 * np.pi * pitch * time + 1.5 * np.sin(4 * np.pi * pitch * time))
            _add(track, at + half * beat / 2, 0.045 * tone * np.exp(-time * 9), pan=-0.5)
    return track


def lead(score: Score) -> Samples:
    """Sing a line of saw through formants, with vibrato, in the centre, resting every fourth bar."""
    track, beat, rng = _silence(score), 60 / score.bpm, np.random.default_rng(score.seed + 1)
    shift = int(rng.integers(0, 4))
    for number, at in enumerate(beats(score)):
        if number // 4 % 4 == 3:
            continue
        pitch = _pitch(score, MELODY[(number + 4 * shift) % len(MELODY)], 60)
        time = np.arange(int(0.92 * beat * RATE)) / RATE
        depth = 0.006 * np.minimum(1, time / 0.25)
        phase = np.cumsum(pitch * (1 + depth * np.sin(2 * np.pi * 5.5 * time))) / RATE
        source = 2 * (phase % 1) - 1
        voiced = np.zeros_like(source)
        for formant, gain in zip(VOWELS[number % len(VOWELS)], (1.0, 0.6, 0.3), strict=True):
            b, a = signal.iirpeak(formant, formant / 110, fs=RATE)
            voiced += gain * signal.lfilter(b, a, source)
        voiced += 0.1 * source
        _add(track, at, 0.3 * voiced * _envelope(time, 0.03, 0.06))
    return track


def _silence(score: Score) -> Samples:
    return np.zeros((round(score.seconds * RATE), 2), np.float32)


def _add(track: Samples, at: float, mono: NDArray[np.float64], pan: float = 0.0) -> None:
    start = round(at * RATE)
    part = mono[: max(0, len(track) - start)]
    angle = (pan + 1) * np.pi / 4
    track[start : start + len(part), 0] += np.cos(angle) * part * np.sqrt(2)
    track[start : start + len(part), 1] += np.sin(angle) * part * np.sqrt(2)


def _degree(score: Score, bar: int) -> int:
    return PROGRESSIONS[score.minor][bar % 4]


def _pitch(score: Score, degree: int, base: int) -> float:
    """Return the frequency of a degree of the scale above MIDI note ``base`` + tonic."""
    octave, step = divmod(degree, 7)
    note = base + score.tonic + 12 * octave + SCALES[score.minor][step]
    # Keep all keys in the same register: a fifth up at most, else down an octave.
    note -= 12 if score.tonic > 7 else 0
    return float(440 * 2 ** ((note - 69 + score.detune / 100) / 12))


def _envelope(time: NDArray[np.float64], attack: float, release: float) -> NDArray[np.float64]:
    end = time[-1] if len(time) else 0.0
    return np.minimum(1, np.minimum(time / attack, (end - time) / release)).clip(0)
