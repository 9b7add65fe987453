"""Mail a notification to its user, once, in the user's language: the mail's row and the mark that it was mailed are one transaction."""

from __future__ import annotations

import procrastinate

from sfa import mail
from sfa.jobs import standalone
from sfa.languages import speaking
from sfa.queue.app import app
from sfa.told import told
from sfa.vault import Vault


@app.task(name="news_mail", queue="default", pass_context=True)
async def news_mail(context: procrastinate.JobContext, notification: int) -> None:
    """Post the mail, unless it was posted or the notification is gone."""
    resources = await standalone.shared(context)
    config = resources.config
    async with resources.db.transaction() as session:
        news = await session.one("news_to_mail", id=notification)
        if news is None:
            return
        with speaking(news["language"]):
            title, body = told(news["title"]), told(news["body"])
        text = "\n\n".join(filter(None, [title, body, config.address + news["link"]]))
        await mail.post(
            session, Vault(config), news["email"], title[:200], text + "\n", news["user_id"]
        )
        await session.run("news_mailed", id=notification)
