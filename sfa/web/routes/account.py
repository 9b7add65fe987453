"""GET /account. POST /account/password, /account/sessions, /account/sessions/{id}: set it, end others, end one."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa.accounts import audit, set_password
from sfa.errors import InputError
from sfa.web.addresses import identity
from sfa.web.answers import done
from sfa.web.cloud import own_account
from sfa.web.failures import Missing, Unusable
from sfa.web.gate import visit
from sfa.web.limits import address_of
from sfa.web.pages.account import Account
from sfa.web.pages.page import stream_address
from sfa.web.services import html, is_admin, services, user

SAID = ("password", "ended", "revoked", "key", "key-unasked", "limit")


async def account(request: Request) -> Response:
    """The page."""
    return await account_page(request, said=request.query_params.get("said", ""))


async def account_page(request: Request, status: int = 200, **values: Any) -> Response:
    """The page, with what has just happened."""
    config = services(request).config
    async with services(request).database.session() as session:
        own = await own_account(session, config, user(request).id)
        page = Account(user(request), bool(config.lalalai_key), own.name if own else None)
        loaded = await page.load(session)
    given = {"said": "", "bad": "", "fresh": "", "admin": is_admin(request)} | values
    given["said"] = given["said"] if given["said"] in SAID else ""
    return html(request, "account.html", status, stream=stream_address(page), **(loaded | given))


async def account_password(request: Request) -> Response:
    """Set the first password, or another one; the other sessions end."""
    at = services(request)
    async with request.form(max_files=0, max_fields=4) as form:
        current, new, again = (str(form.get(n) or "") for n in ("current", "password", "again"))
    at.limits.take("sign_in", address_of(request))
    try:
        if new != again:
            raise InputError("The two passwords are not the same.")
        await set_password(at.database, user(request), new, visit(request), current)
    except InputError as error:
        return await account_page(request, 422, bad=str(error))
    return RedirectResponse("/account?said=password", 303)


async def account_sessions_end(request: Request) -> Response:
    """End every other session, and every link that was not used yet."""
    async with services(request).database.session() as session:
        ended = await session.run(
            "session_end_others", user_id=user(request).id, current=user(request).session
        )
        await _note(request, session, "session.end_others", str(ended))
    return done(request, "/account?said=ended")


async def account_session_end(request: Request) -> Response:
    """End one other session."""
    id_ = identity(request.path_params["id"])
    if id_ == user(request).session:
        raise Unusable("This is the session you are in: sign out instead.", 409)
    async with services(request).database.session() as session:
        if await session.one("session_end_named", id=id_, user_id=user(request).id) is None:
            raise Missing
        await _note(request, session, "session.end_other", str(id_))
    return done(request, "/account?said=ended")


async def _note(request: Request, session: Any, action: str, target: str) -> None:
    await audit(session, user(request).id, action, target, address=visit(request).address)
