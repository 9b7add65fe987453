"""GET /mailbox: the newest mails and what became of them; those that no server took, with their text. Administrators."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.errors import SfaError
from sfa.mail import text_name
from sfa.web.failures import Forbidden
from sfa.web.pages.page import PAGE_SIZE
from sfa.web.services import html, is_admin, services


async def mailbox(request: Request) -> Response:
    """The mail box."""
    if not is_admin(request):
        raise Forbidden
    at = services(request)
    async with at.database.session() as session:
        mails = await session.all("mail_list", size=PAGE_SIZE)
        texts = {}
        for mail in mails:
            if mail["kept"]:
                try:
                    secret = await at.vault.get(session, None, text_name(mail["id"]))
                except SfaError:
                    continue
                texts[mail["id"]] = secret.reveal() if secret else ""
    return html(request, "mailbox.html", mails=mails, texts=texts, server=bool(at.config.smtp_url))
