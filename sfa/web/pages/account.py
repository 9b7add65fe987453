"""The account: where one is signed in, one's API tokens, and what lalal.ai may cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sfa.accounts import User
from sfa.db import Session
from sfa.lalalai import SECRET
from sfa.web.languages import gettext as _


@dataclass(frozen=True, slots=True)
class Account:
    """One user's sessions and tokens, as seen from one of the sessions."""

    user: User
    licensed: bool = False
    """Whether the installation has a licence of lalal.ai by its settings."""
    account: str | None = None
    """What lalal.ai's account of the user's own key is called in tables."""
    name: ClassVar[str] = "account"
    pieces: ClassVar[tuple[str, ...]] = ("sessions", "tokens")

    def concerns(self, topic: str) -> bool:
        """What ends says so by the user's own topic, which wakes every page of his anyway."""
        return topic == f"user:{self.user.id}"

    def query(self) -> dict[str, str]:
        """Nothing: there is one account."""
        return {}

    async def load(self, session: Session) -> dict[str, Any]:
        """The sessions and the tokens, whether there is a password, and the cloud's key and limits."""
        me = self.user
        rows = await session.all("session_list", user_id=me.id, current=me.session)
        return {
            "sessions": [row | {"browser": browser(row["agent"])} for row in rows],
            "tokens": await session.all("token_list", user_id=me.id),
            "cloud": await session.one(
                "cloud_spending",
                user_id=me.id,
                secret=SECRET,
                given=self.licensed,
                account=self.account,
            ),
            "password": await session.one("user_password", user_id=me.id, session=me.session),
        }


def browser(agent: str | None) -> str:
    """What a browser is, from how it calls itself: Firefox on Linux."""
    said = agent or ""
    names = (
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    )
    systems = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
               ("Mac OS", "macOS"), ("Linux", "Linux"))  # fmt: skip
    name = next((name for mark, name in names if mark in said), "")
    system = next((system for mark, system in systems if mark in said), "")
    if name and system:
        return _("%(name)s on %(system)s") % {"name": name, "system": system}
    return name or said[:60] or _("An unknown browser")
