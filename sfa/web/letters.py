"""Write the mails that accounts need: a link that signs in, for who has an account, makes one, or is invited."""

from __future__ import annotations

from sfa.accounts import new_sign_in
from sfa.db import Session
from sfa.mail import post
from sfa.web.languages import gettext as _
from sfa.web.services import Services

INVITED_DAYS = 7


async def mail_link(session: Session, at: Services, user_id: int, email: str) -> None:
    """Enqueue a mail with a link for the user."""
    token = await new_sign_in(session, user_id)
    text = _(
        "Somebody, probably you, asked for a link to sign in to Sound Forge Alchemy.\n\n"
        "Open it within 15 minutes; it works once:\n\n%(link)s\n\n"
        "If it was not you, there is nothing to do: without this link nobody gets in."
    ) % {"link": f"{at.config.link_address}/sign-in/{token}?ask"}
    await post(session, at.vault, email, _("Sign in to Sound Forge Alchemy"), text + "\n", user_id)


async def mail_invitation(
    session: Session, at: Services, user_id: int, email: str, by: str
) -> None:
    """Enqueue a mail that invites the user, in the language of who asks; its link is good once, for a week."""
    token = await new_sign_in(session, user_id, minutes=INVITED_DAYS * 24 * 60)
    text = _(
        "%(by)s invites you to Sound Forge Alchemy, where songs are separated into stems, analysed and played.\n\n"
        "This link lets you in. It works once, within %(days)s days:\n\n%(link)s\n\n"
        "Set a password on the page “Account” if you want to sign in without a mail from then on.\n"
        "If you expected no invitation, there is nothing to do."
    ) % {
        "by": by,
        "days": INVITED_DAYS,
        "link": f"{at.config.link_address}/sign-in/{token}?ask",
    }
    subject = _("An invitation to Sound Forge Alchemy")
    await post(session, at.vault, email, subject, text + "\n", user_id)
