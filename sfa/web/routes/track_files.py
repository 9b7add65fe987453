"""GET /tracks/{id}/analysis.json and /tracks/{id}/rekordbox.xml: a track's figures to take away."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sfa.db import Row
from sfa.web.addresses import track_of
from sfa.web.downloads import attachment
from sfa.web.failures import Missing
from sfa.web.rekordbox import rekordbox
from sfa.web.services import services, user

SUMS = [
    "title",
    "artist",
    "album",
    "duration_ms",
    "sample_rate",
    "channels",
    "tempo",
    "tempo_confidence",
    "key",
    "key_confidence",
    "camelot",
    "energy",
    "rms_db",
    "peak_db",
    "spectral_centroid",
    "spectral_rolloff",
]


CUES = (
    "position_ms",
    "end_ms",
    "cue_type",
    "label",
    "colour",
    "pad",
    "auto_generated",
    "confidence",
)


async def _found(request: Request) -> tuple[Row, dict[str, Any], list[Row]]:
    who = {"id": track_of(request), "user_id": user(request).id}
    async with services(request).database.session() as session:
        track = await session.one("track_show", **who)
        features = await session.one("track_features", **who)
        cues = await session.all("cue_list", track_id=who["id"], user_id=who["user_id"])
    if track is None or features is None:
        raise Missing
    return track, features["features"], cues


async def track_json(request: Request) -> Response:
    """The newest analysis, whole: sums, beats, bars, sections, series, waveform."""
    track, features, cues = await _found(request)
    body = {name: track[name] for name in SUMS} | {
        "analysed_at": track["analysed_at"].isoformat(),
        "features": features,
        "cues": [{name: cue[name] for name in CUES} for cue in cues],
    }
    return JSONResponse(body, headers=attachment(track, "analysis", "json"))


async def track_rekordbox(request: Request) -> Response:
    """The beat grid and the cues for rekordbox."""
    track, features, cues = await _found(request)
    headers = attachment(track, "rekordbox", "xml")
    return Response(rekordbox(track, features, cues), media_type="application/xml", headers=headers)
