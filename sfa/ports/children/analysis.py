"""Analyse a file in one pass: decode once, resample once, one Fourier transform a resolution.

Blocks go through waveform peaks and loudness and, in a thread beside where the processor has one to spare, through down-mix,
frame features (22 kHz) and pitches (11 kHz);
tempo, beats, bars, key and structure follow from what those kept. Memory grows by some 15 kB a second
of audio. Options: ``tempo_min`` and ``tempo_max`` (BPM) bound the tempo.
Energy is the level of the louder half of the frames, −45 dB as 0 and −6 dB as 1.
A silent file has energy 0 and neither tempo nor key. Values never leave their schema's ranges.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from sfa.features import (
    CAMELOT,
    MAX_COLUMNS,
    METHODS,
    OPEN_KEY,
    Analysis,
    Features,
    KeyDetail,
    Peaks,
    Series,
)
from sfa.ports.child import Call, InputError
from sfa.ports.children import beside, cores, key, rhythm, spectrum, structure, tempo
from sfa.ports.children.audio import Track, to_stereo
from sfa.ports.children.levels import COLUMNS, SILENCE, Meter, Planes, decibels, floats, share
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
    half = Feed(spectrum.RATE, key.RATE, "MQ", pitches.feed)

    def take(samples: NDArray[np.float32]) -> None:
        frames.feed(samples)
        half.put(samples)

    whole = Feed(track.sample_rate, spectrum.RATE, "HQ", take)
    seen = 0
    call.progress(0, "reading")

    def listen(planes: Planes) -> None:
        whole.put(mono(planes))

    with beside.worker(listen, cores.limit() > 1) as put:
        for block in track.blocks(BLOCK):
            planes = Planes.of(block)
            put(planes)
            meter.take(planes)
            loudness.take(planes)
            seen += len(block)
            call.progress(READING * min(1.0, seen / track.frames), "reading")
    whole.end()
    half.end()
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
    beat = rhythm.find(frames.flux, 1 / spectrum.FRAME_SECONDS, found.changes, span, call)
    lines = beat.lines if beat else np.zeros(0)
    call.progress(95, "structure")
    shape = structure.find(frames, found.chroma, lines, facts["duration_ms"] / 1000)
    name = found.name
    features = Features(
        mfcc=floats(frames.mfcc.mean(axis=0), 4),
        chroma=floats(found.mean, 4),
        series=series,
        peaks=peaks,
        zoom=zoom,
        contrast=floats(frames.contrast.mean(axis=0), 3),
        bandwidth=round(float(frames.bandwidth.mean()), 2),
        flatness=share(float(frames.flatness.mean()), 6),
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
        **(beat.features() if beat else {}),
    )
    return Analysis(
        **facts,
        tempo=beat.tempo if beat else None,
        tempo_confidence=beat.confidence if beat else 0.0,
        key=name,
        key_confidence=share(found.confidence),
        camelot=CAMELOT[name] if name else None,
        energy=_energy(frames.rms),
        rms_db=meter.rms_db,
        peak_db=meter.peak_db,
        spectral_centroid=round(float(frames.centroid.mean()), 2),
        spectral_rolloff=round(float(frames.rolloff.mean()), 2),
        zero_crossing_rate=share(float(frames.zcr.mean()), 6),
        features=features,
    )


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
        name: floats(np.add.reduceat(getattr(frames, name), edges) / sizes, 6)
        for name in ("rms", "centroid", "rolloff", "zcr", "bandwidth", "flatness")
    }
    mfcc = np.add.reduceat(frames.mfcc, edges, axis=0) / sizes[:, None]
    times = (edges + (sizes - 1) / 2) * spectrum.FRAME_SECONDS
    nearest = np.rint(times * key.RATE / key.HOP).astype(int).clip(0, len(found.chroma) - 1)
    return Series(
        times=floats(times, 4),
        **rows,
        mfcc=tuple(floats(row, 3) for row in mfcc.T),
        chroma=tuple(floats(row, 4) for row in found.chroma[nearest].T),
    )


def _energy(rms: NDArray[np.float32]) -> float:
    level = decibels(float(np.sqrt(np.mean(np.sort(rms)[len(rms) // 2 :] ** 2))))
    return share((level - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB)) if level is not None else 0.0


def mono(block: Planes) -> NDArray[np.float32]:
    """Return a block of any number of channels as one."""
    samples = block.samples
    if len(samples) == 1:
        alone: NDArray[np.float32] = samples[0]
        return alone
    left, right = samples if len(samples) == 2 else to_stereo(samples.T).T
    middle: NDArray[np.float32] = (left + right) * np.float32(0.5)
    return middle


class Feed:
    """Hand mono samples on at another rate, a block at a time.

    Options: quality, soxr's: HQ, or MQ where what follows looks at low frequencies only.
    """

    def __init__(
        self, source: int, target: int, quality: str, to: Callable[[NDArray[np.float32]], None]
    ) -> None:
        self._to = to
        self._stream: Any = None
        if source != target:
            self._stream = soxr.ResampleStream(source, target, 1, dtype="float32", quality=quality)

    def put(self, samples: NDArray[np.float32], last: bool = False) -> None:
        """Take the next samples; ``last`` lets out what the filter still holds."""
        self._to(self._stream.resample_chunk(samples, last=last) if self._stream else samples)

    def end(self) -> None:
        """Let out the rest."""
        self.put(np.zeros(0, np.float32), last=True)
