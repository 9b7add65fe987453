"""The imports: all of one user's, and one of them with what it found and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self
from uuid import UUID

from starlette.requests import Request

from sfa.db import Session
from sfa.web.addresses import identity
from sfa.web.failures import Missing, Unusable
from sfa.web.pages.page import PAGE_SIZE, key_parts, page_key
from sfa.web.services import services

ITEMS = 100
STATES = ("", "found", "linked", "downloaded", "failed")


@dataclass(frozen=True, slots=True)
class Imports:
    """The list, newest first."""

    user_id: int
    before: str = ""
    name: ClassVar[str] = "imports"
    pieces: ClassVar[tuple[str, ...]] = ("import_list",)

    def concerns(self, topic: str) -> bool:
        """An import's own changes, and its downloads'."""
        return topic.startswith(("import", "track"))

    def query(self) -> dict[str, str]:
        """Where the page begins."""
        return {"before": self.before} if self.before else {}

    async def load(self, session: Session) -> dict[str, Any]:
        """The rows, and where the next page begins."""
        moment, last = key_parts(self.before)
        rows = await session.all(
            "import_list", user_id=self.user_id, moment=moment, id=last, size=PAGE_SIZE + 1
        )
        more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
        older = page_key(rows[-1]["inserted_at"], rows[-1]["id"]) if more else ""
        account = await session.one("spotify_account", user_id=self.user_id)
        return {"imports": rows, "older": older, "before": self.before, "account": account}


@dataclass(frozen=True, slots=True)
class Shown:
    """Which part of which import is looked at, as the address says it; ``can_name``: addresses of audio may be given."""

    id: UUID
    state: str = ""
    start: int = 0
    can_name: bool = False

    @classmethod
    def asked(cls, request: Request) -> Self:
        """What the address says; `Unusable` names what it may say."""
        query, config = request.query_params, services(request).config
        state, start = query.get("state", ""), query.get("start", "0")
        if state not in STATES or not (start.isascii() and start.isdigit() and len(start) < 8):
            raise Unusable(
                f"There is no such part of a list. There are: {', '.join(STATES[1:])}.", 400
            )
        which = request.path_params.get("id") or query.get("import", "")
        return cls(
            identity(which), state, int(start), config.download_http or config.download_sites
        )

    def query(self, **changed: Any) -> dict[str, str]:
        """What is set, as it stands in the address, some of it changed."""
        values = {"state": self.state, "start": self.start} | changed
        return {name: str(value) for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Import:
    """One import."""

    user_id: int
    shown: Shown
    name: ClassVar[str] = "import"
    pieces: ClassVar[tuple[str, ...]] = ("import_head", "import_states", "import_items")

    def concerns(self, topic: str) -> bool:
        """Its own changes, and every download's."""
        return topic == f"import:{self.shown.id}" or topic.startswith("track")

    def query(self) -> dict[str, str]:
        """Which, and which part."""
        return {"import": str(self.shown.id), **self.shown.query()}

    async def load(self, session: Session) -> dict[str, Any]:
        """The import with its counts, and a page of what it found."""
        shown = self.shown
        found = await session.one("import_show", id=shown.id, user_id=self.user_id)
        if found is None:
            raise Missing
        items = await session.all(
            "import_items", id=shown.id, user_id=self.user_id, start=shown.start, status=shown.state, size=ITEMS + 1
        )  # fmt: skip
        following = items[ITEMS]["position"] if len(items) > ITEMS else None
        return {
            "found": found,
            "items": items[:ITEMS],
            "following": following,
            "shown": shown,
            "can_name": shown.can_name,
        }
