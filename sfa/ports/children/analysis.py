"""Analyse a file in one pass: decode once, resample once, one Fourier transform a resolution.

Blocks go through waveform peaks, loudness, down-mix, frame features (22 kHz) and pitches (11 kHz);
tempo, beats, bars, key and structure follow from what those kept. Memory grows by some 15 kB a second
of audio. Options: ``tempo_min`` and ``tempo_max`` (BPM) bound the tempo.
Energy is the level of the louder half of the frames, −45 dB as 0 and −6 dB as 1.
A silent file has energy 0 and neither tempo nor key. Values never leave their schema's ranges.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from sfa.features import (
    CAMELOT,
    MAX_COLUMNS,
    MAX_MARKS,
    METHODS,
    OPEN_KEY,
    Analysis,
    Features,
    Grid,
    KeyDetail,
    Peaks,
    Series,
)
from sfa.ports.child import Call, InputError
from sfa.ports.children import bars, beats, key, spectrum, structure, tempo
from sfa.ports.children.audio import Track, to_stereo
from sfa.ports.children.levels import COLUMNS, SILENCE, Meter, decibels
from sfa.ports.children.loudness import Loudness

BLOCK: Final = 1 << 18
QUIETEST_DB, LOUDEST_DB = -45.0, -6.0
# Share of the whole that is reading; the rest is tempo, beats and key.
READING: Final = 75.0
# The finer of the waveform's two zooms has this many columns for each of the coarser.
ZOOM: Final = 4


def analyze(call: Call) -> dict[str, Any]:
    """Answer an ``analyze`` request: audio (a path), optionally tempo_min and tempo_max."""
    with Track(Path(call.text("audio")), call) as track:
        return measure(track, call).to_json()


def measure(track: Track, call: Call) -> Analysis:
    """Read the track and return its analysis."""
    span = tempo_range(call)
    meter, frames, pitches = Meter(track.frames, ZOOM * COLUMNS), spectrum.Spectrum(), key.Pitches()
    loudness = Loudness(track.sample_rate, track.channels)
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
        loudness.feed(block)
        take(_mono(block), last=False)
        seen += len(block)
        call.progress(READING * min(1.0, seen / track.frames), "reading")
    take(np.zeros(0, np.float32), last=True)
    if not seen:
        raise InputError(f"{track.name} holds no sound; give a file with sound in it")
    facts = {
        "duration_ms": round(1000 * meter.seen / track.sample_rate),
        "sample_rate": track.sample_rate,
        "channels": track.channels,
        "loudness": loudness.integrated,
        "true_peak_db": loudness.true_peak_db,
    }
    return _conclude(facts, call, meter, frames.finish(), pitches.finish(), span)


def tempo_range(call: Call) -> tuple[float, float]:
    """Return the tempi that are asked for; InputError where they make no range."""
    low, high = (
        call.args.get(name) or whole
        for name, whole in (("tempo_min", tempo.SLOWEST), ("tempo_max", tempo.FASTEST))
    )
    if not all(isinstance(end, int | float) for end in (low, high)) or not 20 <= low < high <= 400:
        raise InputError('"tempo_min" and "tempo_max" must be BPM within 20..400, the first lower')
    return float(low), float(high)


def _conclude(
    facts: dict[str, Any],
    call: Call,
    meter: Meter,
    frames: spectrum.Frames,
    found: key.Key,
    span: tuple[float, float],
) -> Analysis:
    drawn = meter.peaks()
    zoom = Peaks(tuple(drawn["min"]), tuple(drawn["max"]))
    peaks = _coarser(zoom)
    series = _series(frames, found)
    if meter.peak <= SILENCE:
        return Analysis(**facts, features=Features(series=series, peaks=peaks, zoom=zoom))
    call.progress(80, "tempo")
    onsets = tempo.prepare(frames.flux, 1 / spectrum.FRAME_SECONDS)
    guess = tempo.estimate(onsets, *span)
    rhythm: dict[str, Any] = {}
    grid, lines = None, np.zeros(0)
    if guess is not None:
        call.progress(85, "beats")
        grid = beats.track(onsets, guess.bpm)
        bar = bars.find(onsets, grid.beats, found.chroma, key.RATE / key.HOP)
        lines = grid.beats[bar.first :: bar.metre]
        rhythm = {
            "beats": _floats(grid.beats, 4),
            "bars": _floats(lines, 4),
            "onsets": _floats(_strongest(onsets), 4),
            "grid": Grid(
                steady=grid.steady,
                residual_ms=round(1000 * grid.residual, 2),
                metre=bar.metre,
                bar_confidence=_share(bar.confidence),
                others=tuple((round(bpm, 2), _share(share)) for bpm, share in guess.others),
            ),
        }
    call.progress(95, "structure")
    shape = structure.find(frames, found.chroma, lines, facts["duration_ms"] / 1000)
    name = found.name
    features = Features(
        mfcc=_floats(frames.mfcc.mean(axis=0), 4),
        chroma=_floats(found.mean, 4),
        series=series,
        peaks=peaks,
        zoom=zoom,
        contrast=_floats(frames.contrast.mean(axis=0), 3),
        bandwidth=round(float(frames.bandwidth.mean()), 2),
        flatness=_share(float(frames.flatness.mean()), 6),
        key_detail=KeyDetail(
            found.second,
            round(found.margin, 4),
            OPEN_KEY[name] if name else None,
            round(found.tuning, 2),
        ),
        sections=shape.sections,
        moments=shape.moments,
        loops=shape.loops,
        methods=METHODS,
        **rhythm,
    )
    return Analysis(
        **facts,
        tempo=round(float(np.clip(grid.bpm, 20, 400)), 3) if grid else None,
        tempo_confidence=_share(_confidence(guess, grid)) if guess and grid else 0.0,
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


def _confidence(guess: tempo.Tempo, grid: beats.Grid) -> float:
    """Join how sure the choice is, how periodic the track is, and how well the pulses fit."""
    periodic = min(1.0, guess.strength / 0.5)
    return float(
        (guess.confidence * periodic * (1.0 if grid.steady else max(0.3, grid.fit))) ** (1 / 2)
    )


def _strongest(onsets: tempo.Onsets) -> NDArray[np.float64]:
    """Return when the strongest onsets are, at most as many as the schema takes."""
    onset = onsets.total
    inner = onset[1:-1]
    tops = 1 + np.nonzero((inner > onset[:-2]) & (inner >= onset[2:]) & (inner > 1.5))[0]
    kept = np.sort(tops[np.argsort(onset[tops])[::-1][:MAX_MARKS]])
    times: NDArray[np.float64] = kept / onsets.rate + beats.LATENCY_SECONDS
    return times


def _coarser(zoom: Peaks) -> Peaks:
    """Return the waveform at a quarter of the columns; a short one stays as it is."""
    if len(zoom.min) < ZOOM * COLUMNS:
        return zoom if len(zoom.min) <= COLUMNS else _coarse(zoom, -(-len(zoom.min) // COLUMNS))
    return _coarse(zoom, ZOOM)


def _coarse(zoom: Peaks, each: int) -> Peaks:
    lows = tuple(min(zoom.min[n : n + each]) for n in range(0, len(zoom.min), each))
    highs = tuple(max(zoom.max[n : n + each]) for n in range(0, len(zoom.max), each))
    return Peaks(lows, highs)


def _series(frames: spectrum.Frames, found: key.Key) -> Series:
    """Average the frames into at most 600 columns of equal length."""
    columns = min(MAX_COLUMNS, frames.count)
    edges = np.arange(columns) * frames.count // columns
    sizes = np.diff(np.append(edges, frames.count))
    rows = {
        name: _floats(np.add.reduceat(getattr(frames, name), edges) / sizes, 6)
        for name in ("rms", "centroid", "rolloff", "zcr", "bandwidth", "flatness")
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
