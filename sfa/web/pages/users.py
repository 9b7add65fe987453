"""The users, for administrators: the list, narrowed by what the address says, and one of them.

What the list's address may say: ``q`` (a piece of the e-mail address), ``role`` (user, admin), ``status`` (active,
suspended), ``before`` (the id that the page begins after). The newest come first. What a user holds is counted as it
changes, so that a page asks for one row and the changes of an hour. Limit: a file whose length nobody has said or looked for
counts nothing until the daily look.

Both pages are live, and only for whoever is an administrator at that moment: each load asks again.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self
from uuid import UUID

from starlette.datastructures import QueryParams

from sfa.db import Session
from sfa.web.failures import Forbidden, Missing, Unusable
from sfa.web.pages.account import browser
from sfa.web.pages.page import PAGE_SIZE

CHOICES = {"role": ("user", "admin"), "status": ("active", "suspended")}
LONGEST = 320
LATELY = 10
LAST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which users; an empty text narrows nothing."""

    q: str = ""
    role: str = ""
    status: str = ""
    before: str = ""

    @classmethod
    def asked(cls, query: QueryParams) -> Self:
        """What the address says; `Unusable` names what it may say."""
        values = {f.name: query.get(f.name, "").strip()[:LONGEST] for f in fields(cls)}
        for name, known in CHOICES.items():
            if values[name] and values[name] not in known:
                raise Unusable(
                    f"There is no {name} “{values[name]}”. There are: {', '.join(known)}.", 400
                )
        if values["before"] and number(values["before"]) is None:
            raise Unusable("This page's address is incomplete. Start from the first page.", 400)
        return cls(**values)

    def query(self, **changed: str) -> dict[str, str]:
        """What is set, as it stands in the address, some of it changed."""
        values = {f.name: getattr(self, f.name) for f in fields(self)} | changed
        return {name: value for name, value in values.items() if value}


def number(text: str) -> int | None:
    """The user's id that the text is; None: it is none."""
    fit = text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= LAST_ID
    return int(text) if fit else None


@dataclass(frozen=True, slots=True)
class Users:
    """A page of the users, as an administrator sees it."""

    viewer: int
    wanted: Wanted = Wanted()
    name: ClassVar[str] = "users"
    pieces: ClassVar[tuple[str, ...]] = ("user_list",)

    def concerns(self, topic: str) -> bool:
        """Anybody's account, sessions, tokens and bytes."""
        return topic.startswith("users")

    def query(self) -> dict[str, str]:
        """What narrows the list."""
        return self.wanted.query()

    async def load(self, session: Session) -> dict[str, Any]:
        """A page of the users, and where the next one begins."""
        await still_admin(session, self.viewer)
        wanted = self.wanted
        rows = await session.all(
            "user_page", before=number(wanted.before), q=wanted.q, role=wanted.role or None,
            status=wanted.status or None, size=PAGE_SIZE + 1,
        )  # fmt: skip
        more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
        older = str(rows[-1]["id"]) if more else ""
        return {"users": rows, "wanted": wanted, "older": older, "viewer": self.viewer}


@dataclass(frozen=True, slots=True)
class Account:
    """One user, as an administrator sees him; ``current``: the session that looks."""

    viewer: int
    id: str
    current: UUID
    name: ClassVar[str] = "user"
    pieces: ClassVar[tuple[str, ...]] = ("user_head", "user_facts", "user_doors")

    def concerns(self, topic: str) -> bool:
        """His account, sessions, tokens and bytes; another administrator, who may be the last but him."""
        return topic.startswith("users")

    def query(self) -> dict[str, str]:
        """Which one."""
        return {"user": self.id}

    async def load(self, session: Session) -> dict[str, Any]:
        """What he holds, what he is in by, and what he did last; `Missing` if there is no such user."""
        await still_admin(session, self.viewer)
        id_ = number(self.id)
        who = None if id_ is None else await session.one("user_show", user_id=id_)
        if who is None:
            raise Missing
        sessions = await session.all("session_list", user_id=id_, current=self.current)
        return {
            "who": who,
            "viewer": self.viewer,
            "sessions": [row | {"browser": browser(row["agent"])} for row in sessions],
            "tokens": await session.all("token_list", user_id=id_),
            "lately": await session.all("user_lately", user_id=id_, size=LATELY),
        }


async def still_admin(session: Session, viewer: int) -> None:
    """`Forbidden` unless the user is an administrator now: an open page must not outlive that."""
    row = await session.one("user_is_admin", user_id=viewer)
    if row is None:
        raise Forbidden
