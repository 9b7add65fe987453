"""What may be thrown away, and when: the rules, what goes by them, quarantine, and what the last runs found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.requests import Request

from sfa.db import Session
from sfa.web.pages.page import PAGE_SIZE
from sfa.web.services import is_admin, user

KINDS = (
    "exports", "previews", "separations", "tracks", "failures", "imports", "batches", "notifications",
)  # fmt: skip
REPORTS = 10


@dataclass(frozen=True, slots=True)
class Storage:
    """The rules that hold for a user; ``kind``: whose rows are listed (his own; an administrator sees everybody's)."""

    user_id: int
    admin: bool
    kind: str = ""
    name: ClassVar[str] = "storage"
    pieces: ClassVar[tuple[str, ...]] = ("storage_rules", "storage_going", "storage_files")

    @classmethod
    def asked(cls, request: Request) -> Storage:
        """The page that an address asks for."""
        kind = request.query_params.get("kind", "")
        return cls(user(request).id, is_admin(request), kind if kind in KINDS else "")

    def concerns(self, topic: str) -> bool:
        """A rule, a run, a row that is kept, quarantine."""
        return topic == "storage"

    def query(self) -> dict[str, str]:
        """Which kind is listed."""
        return {"kind": self.kind} if self.kind else {}

    async def load(self, session: Session) -> dict[str, Any]:
        """The rules and the rows; for administrators the files and the runs, too."""
        whose = None if self.admin else self.user_id
        going: list[dict[str, Any]] = []
        if self.kind:
            going = await session.all(
                "storage_going", kind=self.kind, user_id=whose, size=PAGE_SIZE + 1
            )
        values: dict[str, Any] = {
            "rules": await session.all(
                "storage_rules", kinds=list(KINDS), user_id=self.user_id, all=self.admin
            ),
            "kind": self.kind,
            "going": going[:PAGE_SIZE],
            "more": len(going) > PAGE_SIZE,
            "admin": self.admin,
            "running": None,
            "reports": [],
            "quarantine": [],
        }
        if self.admin:
            values["running"] = await session.one("storage_running")
            values["reports"] = await session.all("storage_reports", size=REPORTS)
            values["quarantine"] = await session.all("storage_quarantine", size=PAGE_SIZE)
        return values
