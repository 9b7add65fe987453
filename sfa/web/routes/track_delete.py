"""POST /tracks/{id}/delete: the track, its jobs, stems and analyses, and the audio that nobody else needs.

The rows go first: an object that cannot be removed afterwards is only wasted space, and is logged.
Limit: the same file uploaded by somebody else within the same moment can lose its audio; it must be sent again.
"""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa.errors import StoreError
from sfa.web.addresses import track_of
from sfa.web.failures import Missing
from sfa.web.services import services, user

log = logging.getLogger(__name__)


async def track_delete(request: Request) -> Response:
    """Delete a track."""
    at = services(request)
    async with at.database.session() as session:
        gone = await session.one("track_delete", id=track_of(request), user_id=user(request).id)
    if gone is None:
        raise Missing
    for key in gone["keys"]:
        try:
            await at.store.delete(key)
        except (OSError, StoreError):
            log.exception("could not remove %s from the store", key)
    return RedirectResponse("/tracks", 303)
