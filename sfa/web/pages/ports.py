"""The processes as a tree: programs, workers, pools, children, what each is at; and what went wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sfa.db import Session


@dataclass(frozen=True, slots=True)
class Ports:
    """The tree of every host; programs of ``host`` can be steered from here (empty: of none)."""

    user_id: int
    host: str
    name: ClassVar[str] = "ports"
    pieces: ClassVar[tuple[str, ...]] = ("tree", "incidents")

    def concerns(self, topic: str) -> bool:
        """What processes report, and what they begin and end."""
        return topic in ("tree", "ports", "queues")

    def query(self) -> dict[str, str]:
        """The host; whether the user may steer it is asked again with every change."""
        return {"host": self.host}

    async def load(self, session: Session) -> dict[str, Any]:
        """The rows of the tree, and the latest incidents."""
        return {
            "tree": await session.all("tree_page", user_id=self.user_id),
            "incidents": await session.all("incident_list"),
            "here": self.host,
            "steerable": STEERABLE,
        }


STEERABLE = {"restart": ("running", "starting", "stopped", "exited", "fatal", "backoff"), "stop": ("running", "starting", "backoff")}  # fmt: skip
"""In which states of a program its buttons are there."""
