"""GET /users: who has an account, by what the address says (see `sfa.web.pages.users`). POST /users: invite somebody.

For administrators. An invitation is an account and a mail with a link that lets in once, within a week.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa.accounts import audit
from sfa.errors import Refused
from sfa.web.failures import Forbidden
from sfa.web.gate import visit
from sfa.web.languages import gettext as _
from sfa.web.letters import mail_invitation
from sfa.web.pages.page import stream_address
from sfa.web.pages.users import LONGEST, Users, Wanted
from sfa.web.services import html, is_admin, services, user


async def users(request: Request) -> Response:
    """The list."""
    if not is_admin(request):
        raise Forbidden
    return await _page(request, Wanted.asked(request.query_params))


async def user_invite(request: Request) -> Response:
    """Make an account and mail its link; who has one already gets no second."""
    if not is_admin(request):
        raise Forbidden
    at, me = services(request), user(request)
    async with request.form(max_files=0, max_fields=2) as form:
        email = str(form.get("email") or "").strip()[: LONGEST + 1]
    at.limits.take("mail", email.lower())
    found = None
    try:
        async with at.database.transaction() as session:
            made = await session.one("user_add", email=email, role="user")
            if made is None:
                found = await session.one("user_find", email=email)
            else:
                await mail_invitation(session, at, made["id"], email, me.email)
                address = visit(request).address
                await audit(session, me.id, "user.invite", email, address=address)
    except Refused:
        said = _("“%(email)s” is no e-mail address.") % {"email": email}
        return await _page(request, Wanted(), 422, bad=said, email=email)
    if made is None:
        said = _("%(email)s has an account already.") % {"email": email}
        known = found["id"] if found else None
        return await _page(request, Wanted(), 409, bad=said, email=email, known=known)
    return RedirectResponse(f"/users/{made['id']}?said=invite", 303)


async def _page(request: Request, wanted: Wanted, status: int = 200, **values: Any) -> Response:
    config, page = services(request).config, Users(user(request).id, wanted)
    async with services(request).database.session() as session:
        loaded = await page.load(session)
    given = {"bad": "", "email": "", "known": None} | values
    local, address = not config.public_url, config.link_address
    return html(
        request, "users.html", status, mail=bool(config.smtp_url), address=address, local=local,
        stream=stream_address(page), **(loaded | given),
    )  # fmt: skip
