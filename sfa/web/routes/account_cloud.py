"""POST /account/cloud: the user's own limit on what lalal.ai may cost in a month, in minutes; empty: none of his own.

It comes on top of what administrators allow (`cloud_limits`): the lower one counts. The key: POST /cloud/key.
"""

from __future__ import annotations

import math

from starlette.requests import Request
from starlette.responses import Response

from sfa.accounts import audit
from sfa.web.answers import done
from sfa.web.gate import visit
from sfa.web.languages import gettext as _
from sfa.web.routes.account import account_page
from sfa.web.services import services, user

MOST = 100_000


async def account_cloud(request: Request) -> Response:
    """Set or remove the limit."""
    async with request.form(max_files=0, max_fields=2) as form:
        text = str(form.get("minutes") or "").strip().replace(",", ".")
    minutes = None
    if text:
        minutes = _number(text)
        if minutes is None:
            bad = _("The limit is a number of minutes from 0 to 100000, or empty for none.")
            return await account_page(request, 422, bad=bad)
    owner = user(request).id
    async with services(request).database.session() as session, session.transaction():
        if minutes is None:
            await session.run("cloud_limit_drop", user_id=owner)
        else:
            await session.run("cloud_limit_put", user_id=owner, minutes=minutes)
        await audit(session, owner, "cloud.limit", text or "none", address=visit(request).address)
    return done(request, "/account?said=limit")


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return round(number, 2) if math.isfinite(number) and 0 <= number <= MOST else None
