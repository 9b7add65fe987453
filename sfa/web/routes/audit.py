"""GET /audit: who did what, when, from where; for administrators. ?before= continues, ?action= narrows."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.failures import Forbidden
from sfa.web.pages.page import PAGE_SIZE
from sfa.web.services import html, is_admin, services


async def audit_list(request: Request) -> Response:
    """A page of the audit log."""
    if not is_admin(request):
        raise Forbidden
    before = request.query_params.get("before", "")
    action = request.query_params.get("action", "")[:100]
    key = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    async with services(request).database.session() as session:
        rows = await session.all(
            "audit_page", before=key, user_id=None, action=action or None, size=PAGE_SIZE + 1
        )
    more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    older = rows[-1]["id"] if more else None
    return html(request, "audit.html", rows=rows, older=older, action=action)
