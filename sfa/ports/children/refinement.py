"""Ask separated stems what the mix hides: tempo, beats and bars of the drums, key of bass and other.

The same methods as the mix's (`rhythm`, `key`), on the stems that carry the answer; where bars begin is heard from
the drums' accents and from where bass and other change their harmony. Silent drums have no tempo, silent bass and
other no key: the mix's answer then stands alone.
"""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfa.features import CAMELOT, OPEN_KEY, KeyDetail
from sfa.ports.child import Call
from sfa.ports.children import key, rhythm, spectrum
from sfa.ports.children.analysis import BLOCK, Feed, mono, tempo_range
from sfa.ports.children.audio import Track
from sfa.ports.children.levels import SILENCE, Planes, share
from sfa.stem_features import StemAnalysis


def refine(call: Call) -> dict[str, Any]:
    """Answer a ``refine`` request: drums, bass, other (paths), optionally tempo_min and tempo_max."""
    paths = {name: Path(call.text(name)) for name in ("drums", "bass", "other")}
    span = tempo_range(call)
    with Track(paths["drums"], call) as drums:
        frames, peak = _drums(drums, call)
    with Track(paths["bass"], call) as bass, Track(paths["other"], call) as other:
        found = _harmony(bass, other, call)
    call.progress(80, "beats of the drums")
    beat = None
    if peak > SILENCE:
        beat = rhythm.find(frames.flux, 1 / spectrum.FRAME_SECONDS, found.changes, span, call)
    name = found.name
    answer = StemAnalysis(
        tempo=beat.tempo if beat else None,
        tempo_confidence=beat.confidence if beat else 0.0,
        key=name,
        key_confidence=share(found.confidence),
        camelot=CAMELOT[name] if name else None,
        key_detail=KeyDetail(
            found.second, round(found.margin, 4), OPEN_KEY[name] if name else None, round(found.tuning, 2)
        ),
        **{part: value for part, value in (beat.features() if beat else {}).items() if part != "onsets"},
    )  # fmt: skip
    return answer.to_json()


def _drums(track: Track, call: Call) -> tuple[spectrum.Frames, float]:
    frames, peak = spectrum.Spectrum(), 0.0
    feed = Feed(track.sample_rate, spectrum.RATE, "HQ", frames.feed)
    seen = 0
    for block in track.blocks(BLOCK):
        samples = mono(Planes.of(block))
        peak = max(peak, float(np.abs(samples).max(initial=0)))
        feed.put(samples)
        seen += len(block)
        call.progress(40 * min(1.0, seen / max(1, track.frames)), "reading the drums")
    feed.end()
    return frames.finish(), peak


def _harmony(bass: Track, other: Track, call: Call) -> key.Key:
    pitches = key.Pitches()
    feed = Feed(bass.sample_rate, key.RATE, "MQ", pitches.feed)
    seen = 0
    for low, high in zip_longest(bass.blocks(BLOCK), other.blocks(BLOCK)):
        feed.put(_sum(low, high))
        seen += BLOCK
        call.progress(40 + 40 * min(1.0, seen / max(1, bass.frames)), "reading bass and other")
    feed.end()
    return pitches.finish()


def _sum(low: NDArray[np.float32] | None, high: NDArray[np.float32] | None) -> NDArray[np.float32]:
    parts = [mono(Planes.of(part)) for part in (low, high) if part is not None]
    total = np.zeros(max(map(len, parts)), np.float32)
    for part in parts:
        total[: len(part)] += part
    return total
