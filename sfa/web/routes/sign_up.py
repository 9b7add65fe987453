"""POST /sign-in/link: have a link mailed. GET and POST /sign-up: make an account, where that is open.

The answer is the same whether somebody has the address or not; what differs is in the mail. No password is asked for:
the account is its address's, whoever typed that, and a password is set by who got the mail.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.accounts import audit
from sfa.db import Session
from sfa.errors import Refused
from sfa.web.failures import Missing
from sfa.web.gate import sign_in_page, visit
from sfa.web.letters import mail_link
from sfa.web.limits import address_of
from sfa.web.services import html, services


async def sign_in_mail(request: Request) -> Response:
    """Mail a link to who has an account, and say nothing of whether there was one."""
    email = await _email(request)
    at = services(request)
    async with at.database.transaction() as session:
        await _to_known(session, request, email)
    return sign_in_page(request, said="mailed", email=email)


async def sign_up(request: Request) -> Response:
    """The page, or an account and the mail with its link."""
    at = services(request)
    if not at.config.sign_up:
        raise Missing
    if request.method != "POST":
        return html(request, "sign_up.html", email="", bad=False)
    email = await _email(request)
    try:
        async with at.database.transaction() as session:
            made = await session.one("user_add", email=email, role="user")
            if made:
                await mail_link(session, at, made["id"], email)
                await audit(session, made["id"], "user.add", email, address=visit(request).address)
            else:
                await _to_known(session, request, email)
    except Refused:
        return html(request, "sign_up.html", 422, email=email, bad=True)
    return sign_in_page(request, said="mailed", email=email)


async def _to_known(session: Session, request: Request, email: str) -> None:
    found = await session.one("user_find", email=email)
    if found and found["status"] == "active":
        await mail_link(session, services(request), found["id"], found["email"])


async def _email(request: Request) -> str:
    async with request.form(max_files=0, max_fields=3) as form:
        email = str(form.get("email") or "").strip()[:400]
    limits = services(request).limits
    limits.take("mail", address_of(request))
    limits.take("mail", email.lower())
    return email
