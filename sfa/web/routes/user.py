"""GET /users/{id}: one user. POST /users/{id}: suspend, readmit, admin, user, end, invite; for administrators.

What takes something away, or gives everything, is asked about first: without ``sure`` the answer says what it would do.
Who asks must still be an administrator when it is done: of two who suspend each other at once, one is too late.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa.accounts import audit
from sfa.db import Row, Session
from sfa.users import LastAdministrator, administrators, end_all, readmit, set_role, suspend
from sfa.web.failures import Forbidden, Unusable
from sfa.web.gate import visit
from sfa.web.letters import mail_invitation
from sfa.web.names import mark
from sfa.web.pages.page import stream_address
from sfa.web.pages.users import Account
from sfa.web.services import Services, html, is_admin, services
from sfa.web.services import user as visitor

VERBS = ("suspend", "readmit", "admin", "user", "end", "invite")
ASKED = ("suspend", "admin", "user", "end")
LAST = mark("This is the last administrator: make another one first, who could undo it.")
UNKNOWN = mark("That cannot be done with a user.")
SHUT = mark("A suspended user gets no invitation: lift the suspension first.")


async def user_show(request: Request) -> Response:
    """The page."""
    if not is_admin(request):
        raise Forbidden
    at, said = services(request), request.query_params.get("said", "")
    page = _page(request)
    async with at.database.session() as session:
        values = await page.load(session)
    return html(
        request,
        "user.html",
        stream=stream_address(page),
        said=said if said in VERBS else "",
        mail=bool(at.config.smtp_url),
        **values,
    )


async def user_steer(request: Request) -> Response:
    """Do it, or ask whether to."""
    if not is_admin(request):
        raise Forbidden
    at, me = services(request), visitor(request)
    async with request.form(max_files=0, max_fields=3) as form:
        verb, sure = str(form.get("verb") or ""), bool(form.get("sure"))
    async with at.database.transaction() as session:
        admins = await administrators(session)
        if me.id not in admins:
            raise Forbidden
        values = await _page(request).load(session)
        who = values["who"]
        if verb not in VERBS:
            raise Unusable(UNKNOWN, 400)
        if verb in ("suspend", "user") and who["last"]:
            raise Unusable(LAST, 409)
        if verb in ASKED and not sure:
            return html(request, "users_sure.html", verb=verb, **values)
        try:
            detail = await _do(session, at, who, verb, me.email)
        except LastAdministrator as error:
            raise Unusable(LAST, 409) from error
        address = visit(request).address
        await audit(session, me.id, f"user.{verb}", who["email"], address=address, detail=detail)
    # Who has shown out himself, or is no administrator any more, cannot see the page.
    if who["id"] == me.id and verb in ("suspend", "end", "user"):
        return RedirectResponse("/" if verb == "user" else "/sign-in", 303)
    return RedirectResponse(f"/users/{who['id']}?said={verb}", 303)


def _page(request: Request) -> Account:
    me = visitor(request)
    return Account(me.id, request.path_params["id"], me.session)


async def _do(session: Session, at: Services, who: Row, verb: str, by: str) -> dict[str, Any]:
    """The act itself; what the audit log has to say of it."""
    match verb:
        case "suspend":
            return asdict(await suspend(session, who["id"]))
        case "end":
            return asdict(await end_all(session, who["id"]))
        case "readmit":
            await readmit(session, who["id"])
        case "invite":
            if who["status"] != "active":
                raise Unusable(SHUT, 409)
            at.limits.take("mail", who["email"].lower())
            await mail_invitation(session, at, who["id"], who["email"], by)
        case _:
            await set_role(session, who["id"], verb)
    return {}
