"""POST /account/tokens: an API token, shown this once. POST /account/tokens/{id}: revoke one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.accounts import audit, new_token
from sfa.errors import InputError
from sfa.web.addresses import identity
from sfa.web.answers import done
from sfa.web.failures import Missing
from sfa.web.gate import visit
from sfa.web.routes.account import account_page
from sfa.web.services import services, user


async def account_token_make(request: Request) -> Response:
    """Make a token; the page that answers is the only one that ever shows it."""
    async with request.form(max_files=0, max_fields=10) as form:
        name, days = str(form.get("name") or "").strip(), str(form.get("days") or "")
        scopes = sorted({str(scope) for scope in form.getlist("scope")})
    try:
        lasting = int(days) if days.isascii() and days.isdigit() else None
        if days not in ("", "never") and lasting is None:
            raise InputError("A token lasts a whole number of days, or until it is revoked.")
        async with services(request).database.session() as session:
            token = await new_token(session, user(request), name, scopes, lasting, visit(request))
    except InputError as error:
        return await account_page(request, 422, bad=str(error))
    return await account_page(request, 201, fresh=token)


async def account_token_revoke(request: Request) -> Response:
    """Revoke a token of one's own; what it has open ends."""
    id_, owner = identity(request.path_params["id"]), user(request).id
    async with services(request).database.session() as session:
        gone = await session.one("token_revoke", id=id_, user_id=owner)
        if gone is None:
            raise Missing
        address = visit(request).address
        await audit(session, owner, "token.revoke", gone["name"], address=address)
    return done(request, "/account?said=revoked")
