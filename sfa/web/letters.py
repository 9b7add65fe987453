"""Write the mails that accounts need: a link that signs in, for somebody who has an account or who makes one."""

from __future__ import annotations

from sfa.accounts import new_sign_in
from sfa.db import Session
from sfa.mail import post
from sfa.web.languages import gettext as _
from sfa.web.services import Services


async def mail_link(session: Session, at: Services, user_id: int, email: str) -> None:
    """Enqueue a mail with a link for the user."""
    token = await new_sign_in(session, user_id)
    text = _(
        "Somebody, probably you, asked for a link to sign in to Sound Forge Alchemy.\n\n"
        "Open it within 15 minutes; it works once:\n\n%(link)s\n\n"
        "If it was not you, there is nothing to do: without this link nobody gets in."
    ) % {"link": f"{at.config.link_address}/sign-in/{token}?ask"}
    await post(session, at.vault, email, _("Sign in to Sound Forge Alchemy"), text + "\n", user_id)
