"""Put an analysis on six scales from 0 to 1: what the radar draws and its table says.

Each scale is fixed, so that two tracks can be compared: tempo 60–200 BPM, level −40–0 dB, centroid 0–6 kHz, rolloff
0–12 kHz (both linear), zero crossings 0–0.3 of all samples; energy is the analysis's own. A figure that the track does
not have (silence has no tempo) stands at 0 and says so.
"""

from __future__ import annotations

from typing import Any

from sfa.db import Row
from sfa.web.languages import gettext as _
from sfa.web.words import decibels


def glance(analysis: Row) -> list[dict[str, Any]]:
    """The six corners: name, value on its scale, and the figure in words."""
    tempo, level = analysis["tempo"], analysis["rms_db"]
    centroid, rolloff = analysis["spectral_centroid"], analysis["spectral_rolloff"]
    crossings = analysis["zero_crossing_rate"]
    return [
        _corner(_("energy"), analysis["energy"], 0, 1, f"{analysis['energy']:.2f}"),
        _corner(_("tempo"), tempo, 60, 200, f"{tempo:.1f} BPM" if tempo else "–"),
        _corner(_("level"), level, -40, 0, decibels(level)),
        _corner(_("brightness"), centroid, 0, 6000, _hertz(centroid)),
        _corner(_("upper edge"), rolloff, 0, 12000, _hertz(rolloff)),
        _corner(
            _("noisiness"), crossings, 0, 0.3, "–" if crossings is None else f"{crossings:.3f}"
        ),
    ]


def _corner(name: str, value: float | None, low: float, high: float, text: str) -> dict[str, Any]:
    share = 0.0 if value is None else min(1.0, max(0.0, (value - low) / (high - low)))
    return {"name": name, "value": round(share, 4), "text": text}


def _hertz(value: float | None) -> str:
    return "–" if value is None else f"{value / 1000:.1f} kHz"
