"""POST /tracks/{id}/delete: the track, its jobs, stems and analyses, and the audio that nobody else needs.

The rows go first; then what no other row needs is removed (`sfa.objects`), whoever uploads the same file meanwhile.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa.objects import sweep
from sfa.web.addresses import track_of
from sfa.web.failures import Missing
from sfa.web.services import services, user


async def track_delete(request: Request) -> Response:
    """Delete a track."""
    at = services(request)
    async with at.database.session() as session:
        gone = await session.one("track_delete", id=track_of(request), user_id=user(request).id)
    if gone is None:
        raise Missing
    await sweep(at.database, at.store, gone["keys"])
    return RedirectResponse("/tracks", 303)
