"""The list of tracks: in any order, narrowed by a search and by what they are; every choice is in the address.

What the address may say: ``q`` (title or artist), ``sort`` (newest, title, artist, tempo, key, length; with ``-`` before it
the other way round), ``slowest`` and ``fastest`` (BPM), ``camelot`` (8A), ``stems`` (yes, no), ``state`` (active, failed), ``before``
(where the page begins). Without a filter every order reads no more than it shows, by an index of its own; what is unknown
comes last whichever way round. A filter that few tracks pass looks at each of the user's tracks at most.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from starlette.datastructures import QueryParams

from sfa.db import Row, Session
from sfa.web.failures import Unusable
from sfa.web.pages.page import PAGE_SIZE, key_parts, page_key

SORTS = ("newest", "title", "artist", "tempo", "key", "length")
WORDS = ("title", "artist")
CHOICES = {
    "sort": tuple(sign + sort for sort in SORTS for sign in ("", "-")),
    "stems": ("yes", "no"),
    "state": ("active", "failed"),
    "camelot": tuple(f"{hour}{letter}" for hour in range(1, 13) for letter in "AB"),
}
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tracks, in which order; an empty text narrows nothing."""

    q: str = ""
    sort: str = ""
    slowest: str = ""
    fastest: str = ""
    camelot: str = ""
    stems: str = ""
    state: str = ""
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
        for name in ("slowest", "fastest"):
            if values[name] and not re.fullmatch(r"\d{1,3}(\.\d{1,2})?", values[name], re.ASCII):
                raise Unusable(f"“{values[name]}” is no tempo in BPM.", 400)
        if values["sort"] == "newest":
            values["sort"] = ""
        return cls(**values)

    def query(self, **changed: str) -> dict[str, str]:
        """What is set, as it stands in the address, some of it changed."""
        values = {f.name: getattr(self, f.name) for f in fields(self)} | changed
        return {name: value for name, value in values.items() if value}

    def sorted_by(self, column: str) -> dict[str, str]:
        """The address's words for a click on a column's head: by it, or the other way round."""
        now = self.sort or "newest"
        return self.query(sort=f"-{column}" if now == column else column, before="")

    @property
    def plain(self) -> bool:
        """Whether the quick statement will do."""
        return not self.query(q="", before="")

    async def rows(self, session: Session, user_id: int, size: int) -> list[Row]:
        """The first rows of the page."""
        if self.plain:
            at, id_ = key_parts(self.before)
            return await session.all(
                "track_list", user_id=user_id, q=self.q, before_at=at, before_id=id_, size=size
            )
        return await session.all("track_list_sorted", **self.parameters(user_id, size))

    def parameters(self, user_id: int, size: int) -> dict[str, Any]:
        """What `track_list_sorted` wants to know."""
        last = unpacked(self.column, self.before)
        return {
            "user_id": user_id,
            "q": self.q,
            "sort": self.column,
            # The newest come first; everything else rises.
            "falling": self.sort.startswith("-") != (self.column == "newest"),
            "slowest": float(self.slowest) if self.slowest else None,
            "fastest": float(self.fastest) if self.fastest else None,
            "camelot": self.camelot,
            "stems": self.stems,
            "state": self.state,
            "before_at": last.at,
            "before_n": last.n,
            "before_s": last.s,
            "before_id": last.id,
            "size": size,
        }

    @property
    def column(self) -> str:
        """What the rows are sorted by, whichever way round."""
        return (self.sort or "newest").removeprefix("-")

    def key_after(self, row: Row) -> str:
        """Where the page after this row begins."""
        if self.plain:
            return page_key(row["inserted_at"], row["id"])
        if self.column == "newest":
            return packed(row["at"].isoformat(), row["id"])
        return packed(row["s"] if self.column in WORDS else row["n"], row["id"])


@dataclass(frozen=True, slots=True)
class Tracks:
    """A page of a user's tracks."""

    user_id: int
    wanted: Wanted = Wanted()
    name: ClassVar[str] = "tracks"
    pieces: ClassVar[tuple[str, ...]] = ("list",)

    def concerns(self, topic: str) -> bool:
        """Any track may enter or leave the list."""
        return topic.startswith("track")

    def query(self) -> dict[str, str]:
        """The search, the order, and where the page begins."""
        return self.wanted.query()

    async def load(self, session: Session) -> dict[str, Any]:
        """The rows, and the key of the page after."""
        rows = await self.wanted.rows(session, self.user_id, PAGE_SIZE + 1)
        more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
        return {
            "tracks": rows,
            "wanted": self.wanted,
            "older": self.wanted.key_after(rows[-1]) if more else "",
        }


@dataclass(frozen=True, slots=True)
class Last:
    """The row that a sorted page begins after: its id and what it is sorted by."""

    id: UUID | None = None
    at: datetime | None = None
    n: float | None = None
    s: str | None = None


def packed(value: float | str, id_: UUID) -> str:
    """Where a sorted page ends, as it stands in the address."""
    return urlsafe_b64encode(json.dumps([value, str(id_)]).encode()).decode().rstrip("=")


def unpacked(column: str, text: str) -> Last:
    """What `packed` made of a row sorted by this column; empty for the first page."""
    if not text:
        return Last()
    try:
        value, id_ = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if column == "newest":
            return Last(UUID(id_), at=datetime.fromisoformat(value))
        if column in WORDS:
            return Last(UUID(id_), s=str(value).replace("\0", ""))
        return Last(UUID(id_), n=float(value))
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Unusable(
            "This page's address is incomplete. Start from the first page.", 400
        ) from error
