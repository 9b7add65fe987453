"""The list of jobs of every kind: every filter is in the address, pages go by key.

What the address may say: ``q`` (title or artist), ``status``, ``kind``, ``detail`` (a model), ``reason`` (the kind of
error), ``since`` (1h, 24h, 7d, 30d) and ``before`` (where the page begins). Anything else is refused with what there is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, ClassVar, Self

from starlette.datastructures import QueryParams

from sfa.db import Row, Session
from sfa.web.failures import Unusable
from sfa.web.pages.page import PAGE_SIZE, key_parts, page_key

SINCE = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
CHOICES = {
    "status": ("running", "waiting", "retrying", "failed", "cancelled", "completed"),
    "reason": ("input", "resource", "internal", "crash", "timeout"),
    "since": tuple(SINCE),
}
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs; an empty text narrows nothing."""

    q: str = ""
    status: str = ""
    kind: str = ""
    detail: str = ""
    reason: str = ""
    since: str = ""
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
        if values["kind"] and not re.fullmatch(r"[a-z_]{1,40}", values["kind"]):
            raise Unusable(f"There is no kind “{values['kind']}”.", 400)
        return cls(**values)

    def query(self, **changed: str) -> dict[str, str]:
        """The filters that are set, as they stand in the address, some of them changed."""
        values = {f.name: getattr(self, f.name) for f in fields(self)} | changed
        return {name: value for name, value in values.items() if value}

    async def rows(self, session: Session, user_id: int, size: int) -> list[Row]:
        """The jobs, newest first."""
        at, id_ = key_parts(self.before)
        values = {
            "user_id": user_id,
            "kind": self.kind or None,
            "detail": self.detail or None,
            "reason": self.reason or None,
            "since": SINCE.get(self.since),
            "before_at": at,
            "before_id": id_,
            "size": size,
        }
        if self.q:
            return await session.all(
                "job_page_search", q=self.q, status=self.status or None, **values
            )
        if self.status:
            return await session.all("job_page_state", status=self.status, **values)
        return await session.all("job_page", **values)


@dataclass(frozen=True, slots=True)
class Jobs:
    """A page of a user's jobs."""

    user_id: int
    filter: Filter = Filter()
    name: ClassVar[str] = "jobs"
    pieces: ClassVar[tuple[str, ...]] = ("job_states", "job_list")

    def concerns(self, topic: str) -> bool:
        """A job's change is told by its track."""
        return topic.startswith(("track", "import"))

    def query(self) -> dict[str, str]:
        """The filters."""
        return self.filter.query()

    async def load(self, session: Session) -> dict[str, Any]:
        """The rows, the counts of each state, the key of the page after."""
        rows = await self.filter.rows(session, self.user_id, PAGE_SIZE + 1)
        more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
        return {
            "jobs": rows,
            "filter": self.filter,
            "choices": CHOICES | {"kind": [row["name"] for row in await session.all("kind_list")]},
            "models": [row["name"] for row in await session.all("model_list")],
            "counts": await session.all("job_counts", user_id=self.user_id),
            "older": page_key(rows[-1]["inserted_at"], rows[-1]["id"]) if more else "",
        }
