"""GET /tracks/{id}/mixer and /tracks/{id}/analysis: what the lanes and the charts draw, as JSON."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sfa.web.addresses import identity, track_of
from sfa.web.failures import Missing
from sfa.web.glance import glance
from sfa.web.services import services, user

DRAWN = ("beats", "bars", "sections", "moments", "loops")


async def track_mixer(request: Request) -> Response:
    """The stems and waveforms of the separation ?job=, and the beats, bars and sections of the track (seconds).

    A lane's ``waveform`` is the address of the one to zoom into, to which ``from``, ``to`` and ``columns`` are added;
    null where there is none (yet).
    """
    track_id, owner = track_of(request), user(request).id
    job_id = identity(request.query_params.get("job", ""))
    async with services(request).database.session() as session:
        stems = await session.all("stem_peaks", track_id=track_id, job_id=job_id, user_id=owner)
        found = await session.one("track_features", id=track_id, user_id=owner)
    if not stems:
        raise Missing
    features = found["features"] if found else {}
    body = {
        "stems": {str(stem["id"]): stem["peaks"] for stem in stems},
        "lanes": [
            {
                "id": str(stem["id"]),
                "type": stem["stem_type"],
                "label": stem["label"],
                "url": f"/media/stems/{stem['id']}?v={stem['version']}",
                "waveform": f"/tracks/{track_id}/waveform?stem={stem['id']}&v={stem['version']}"
                if stem["zoomed"]
                else None,
            }
            for stem in stems
        ],
        "mix": features.get("peaks"),
        "metre": features.get("grid", {}).get("metre", 4),
        **{name: features.get(name, []) for name in DRAWN},
    }
    return JSONResponse(body)


async def track_analysis(request: Request) -> Response:
    """The series of the newest analysis."""
    async with services(request).database.session() as session:
        found = await session.one("track_features", id=track_of(request), user_id=user(request).id)
    if found is None:
        raise Missing
    series = found["features"].get("series", {})
    return JSONResponse(
        {
            "duration": found["duration_ms"] / 1000,
            "key": found["key"],
            "chroma": found["features"].get("chroma", []),
            "beats": found["features"].get("beats", []),
            "radar": glance(found),
            "series": {
                name: series.get(name, []) for name in ("times", "centroid", "rolloff", "mfcc")
            },
        }
    )
