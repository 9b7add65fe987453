"""The users, for administrators: the list, narrowed by what the address says, and one of them.

What the list's address may say: ``q`` (a piece of the e-mail address), ``role`` (user, admin), ``status`` (active,
suspended), ``before`` (the id that the page begins after). The newest come first. Limit: what a user holds is his stems and
exports, as the database knows no size of an uploaded file; the list counts his newest 1,000 tracks, his own page all.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self
from uuid import UUID

from starlette.datastructures import QueryParams

from sfa.db import Session
from sfa.web.failures import Missing, Unusable
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


async def listed(session: Session, wanted: Wanted) -> dict[str, Any]:
    """A page of the users, and where the next one begins."""
    rows = await session.all(
        "user_page", before=number(wanted.before), q=wanted.q, role=wanted.role or None,
        status=wanted.status or None, size=PAGE_SIZE + 1,
    )  # fmt: skip
    more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    return {"users": rows, "wanted": wanted, "older": str(rows[-1]["id"]) if more else ""}


async def shown(session: Session, text: str, current: UUID) -> dict[str, Any]:
    """The user of that id: what he holds, what he is in by, and what he did last; `Missing` if there is none."""
    id_ = number(text)
    who = None if id_ is None else await session.one("user_show", user_id=id_)
    if who is None:
        raise Missing
    sessions = await session.all("session_list", user_id=id_, current=current)
    return {
        "who": who,
        "sessions": [row | {"browser": browser(row["agent"])} for row in sessions],
        "tokens": await session.all("token_list", user_id=id_),
        "lately": await session.all("user_lately", user_id=id_, size=LATELY),
    }
