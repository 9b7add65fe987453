"""Analyse a file in one pass: decode once, resample once, one Fourier transform a resolution.

Blocks go through down-mix, waveform peaks, frame features (22 kHz) and pitches (11 kHz); tempo,
beats and key follow from what those kept. Memory grows by some 15 kB a second of audio.
Energy is the level of the louder half of the frames, −45 dB as 0 and −6 dB as 1.
A silent file has energy 0 and neither tempo nor key. Values never leave their schema's ranges.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from sfa.features import CAMELOT, MAX_COLUMNS, Analysis, Features, Peaks, Series
from sfa.ports.child import Call, InputError
from sfa.ports.children import beats, key, spectrum, tempo
from sfa.ports.children.audio import Track, to_stereo
from sfa.ports.children.levels import SILENCE, Meter, decibels

BLOCK: Final = 1 << 18
QUIETEST_DB, LOUDEST_DB = -45.0, -6.0
# Share of the whole that is reading; the rest is tempo, beats and key.
READING: Final = 75.0


def analyze(call: Call) -> dict[str, Any]:
    """Answer an ``analyze`` request: audio (a path)."""
    with Track(Path(call.text("audio")), call) as track:
        return measure(track, call).to_json()


def measure(track: Track, call: Call) -> Analysis:
    """Read the track and return its analysis."""
    meter, frames, pitches = Meter(track.frames), spectrum.Spectrum(), key.Pitches()
    whole = _resampler(track.sample_rate, spectrum.RATE, "HQ")
    half = _resampler(spectrum.RATE, key.RATE, "MQ")
    seen = 0

    def take(mono: NDArray[np.float32], last: bool) -> None:
        full = whole.resample_chunk(mono, last=last) if whole else mono
        frames.feed(full)
        pitches.feed(half.resample_chunk(full, last=last) if half else full)

    call.progress(0, "reading")
    for block in track.blocks(BLOCK):
        meter.feed(block)
        take(_mono(block), last=False)
        seen += len(block)
        call.progress(READING * min(1.0, seen / track.frames), "reading")
    take(np.zeros(0, np.float32), last=True)
    if not seen:
        raise InputError(f"{track.name} holds no sound; give a file with sound in it")
    return _conclude(track, call, meter, frames.finish(), pitches.finish())


def _conclude(
    track: Track, call: Call, meter: Meter, frames: spectrum.Frames, found: key.Key
) -> Analysis:
    facts: dict[str, Any] = {
        "duration_ms": round(1000 * meter.seen / track.sample_rate),
        "sample_rate": track.sample_rate,
        "channels": track.channels,
    }
    drawn = meter.peaks()
    peaks = Peaks(tuple(drawn["min"]), tuple(drawn["max"]))
    series = _series(frames, found)
    if meter.peak <= SILENCE:
        return Analysis(**facts, features=Features(series=series, peaks=peaks))
    call.progress(80, "tempo")
    rate = 1 / spectrum.FRAME_SECONDS
    onset = tempo.prepare(frames.flux, rate)
    guess = tempo.estimate(onset, rate)
    grid = None
    if guess is not None:
        call.progress(85, "beats")
        grid = beats.track(onset, rate, guess.bpm)
    call.progress(98, "key")
    name = found.name
    features = Features(
        mfcc=_floats(frames.mfcc.mean(axis=0), 4),
        chroma=_floats(found.mean, 4),
        beats=_floats(grid.beats, 4) if grid else (),
        series=series,
        peaks=peaks,
    )
    return Analysis(
        **facts,
        tempo=round(float(np.clip(grid.bpm, 20, 400)), 3) if grid else None,
        tempo_confidence=_share((guess.strength * grid.fit) ** 0.5) if guess and grid else 0.0,
        key=name,
        key_confidence=_share(found.confidence),
        camelot=CAMELOT[name] if name else None,
        energy=_energy(frames.rms),
        rms_db=meter.rms_db,
        peak_db=meter.peak_db,
        spectral_centroid=round(float(frames.centroid.mean()), 2),
        spectral_rolloff=round(float(frames.rolloff.mean()), 2),
        zero_crossing_rate=_share(float(frames.zcr.mean()), 6),
        features=features,
    )


def _series(frames: spectrum.Frames, found: key.Key) -> Series:
    """Average the frames into at most 600 columns of equal length."""
    columns = min(MAX_COLUMNS, frames.count)
    edges = np.arange(columns) * frames.count // columns
    sizes = np.diff(np.append(edges, frames.count))
    rows = {
        name: _floats(np.add.reduceat(getattr(frames, name), edges) / sizes, 6)
        for name in ("rms", "centroid", "rolloff", "zcr")
    }
    mfcc = np.add.reduceat(frames.mfcc, edges, axis=0) / sizes[:, None]
    times = (edges + (sizes - 1) / 2) * spectrum.FRAME_SECONDS
    nearest = np.rint(times * key.RATE / key.HOP).astype(int).clip(0, len(found.chroma) - 1)
    return Series(
        times=_floats(times, 4),
        **rows,
        mfcc=tuple(_floats(row, 3) for row in mfcc.T),
        chroma=tuple(_floats(row, 4) for row in found.chroma[nearest].T),
    )


def _energy(rms: NDArray[np.float32]) -> float:
    level = decibels(float(np.sqrt(np.mean(np.sort(rms)[len(rms) // 2 :] ** 2))))
    return _share((level - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB)) if level is not None else 0.0


def _mono(block: NDArray[np.float32]) -> NDArray[np.float32]:
    if block.shape[1] == 1:
        return block[:, 0]
    pair = to_stereo(block)
    mono: NDArray[np.float32] = (pair[:, 0] + pair[:, 1]) * np.float32(0.5)
    return mono


def _resampler(source: int, target: int, quality: str) -> Any:
    if source == target:
        return None
    return soxr.ResampleStream(source, target, 1, dtype="float32", quality=quality)


def _share(value: float, digits: int = 4) -> float:
    return round(min(1.0, max(0.0, value)), digits)


def _floats(row: NDArray[Any], digits: int) -> tuple[float, ...]:
    # Adding zero turns -0.0 into 0.0.
    return tuple((np.round(row.astype(np.float64), digits) + 0.0).tolist())
