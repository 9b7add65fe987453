"""Post a mail: a row and its text in one transaction; the worker of the queue `default` sends it (sfa/jobs/mail.py).

The text is a secret, because it may hold a link that signs in: it lies encrypted until the mail is sent, then it is
forgotten. Without ``smtp_url`` mails are kept and shown on the mail box page.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from sfa.db import Session
from sfa.vault import Vault


def text_name(mail: UUID | str) -> str:
    """The name of a mail's text among the installation's secrets."""
    return f"mail:{mail}"


async def post(
    session: Session,
    vault: Vault,
    recipient: str,
    subject: str,
    text: str,
    user_id: int | None = None,
) -> UUID:
    """Enqueue a mail; its id. `Refused` where the address or the subject cannot be one."""
    mail = uuid4()
    async with session.transaction():
        await vault.put(session, None, text_name(mail), text)
        await session.run(
            "mail_insert", id=mail, user_id=user_id, recipient=recipient, subject=subject
        )
    return mail
