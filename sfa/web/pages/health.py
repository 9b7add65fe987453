"""Health for people: what is well, what is not, and what to do about it; the host and its programs for administrators."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sfa.config import Config
from sfa.db import Session
from sfa.errors import SfaError
from sfa.told import told
from sfa.vault import Vault
from sfa.web.languages import gettext as _
from sfa.web.vitals import Vitals, vitals

LATE = 600.0


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that is not well: how bad, what, and what to do."""

    bad: bool
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """The state of the installation."""

    admin: bool
    config: Config = field(repr=False)
    name: ClassVar[str] = "health"
    pieces: ClassVar[tuple[str, ...]] = ("vitals",)

    def concerns(self, topic: str) -> bool:
        """What is claimed and paused, and what children and programs do."""
        return topic in ("queues", "ports", "mails")

    def query(self) -> dict[str, str]:
        """Nothing: the session says who looks."""
        return {}

    async def load(self, session: Session) -> dict[str, Any]:
        """The figures, and what is to be said of them."""
        began = time.perf_counter()
        database = await session.one("metrics_database")
        answer_ms = 1000 * (time.perf_counter() - began)
        assert database is not None
        found: dict[str, Any] = {
            "admin": self.admin,
            "database": database | {"answer_ms": answer_ms},
            "queues": await session.all("page_health"),
            "waits": {r["name"]: r["seconds"] for r in await session.all("metrics_queues")},
            "programs": await session.all("metrics_programs"),
            "ports": await session.all("metrics_ports"),
            "removed": await session.all("metrics_removed"),
            "incidents": await session.all("health_incidents"),
            "mails": await session.one("health_mails"),
            "host": await vitals(self.config),
        }
        return found | {"amiss": self._amiss(found) + await self._secrets(session)}

    def _amiss(self, found: dict[str, Any]) -> list[Concern]:
        said: list[Concern] = []
        for queue in found["queues"]:
            name = queue["name"]
            if queue["paused"]:
                text = _("The queue %(name)s is paused") % {"name": name}
                if queue["paused_reason"]:
                    text += ": " + told(queue["paused_reason"])
                said.append(Concern(False, text))
            elif not queue["workers"]:
                text = _("Nobody works on the queue %(name)s.") % {"name": name}
                said.append(Concern(True, text, f"bin/sfa up · bin/sfa worker {name}"))
            elif found["waits"].get(name, 0) > LATE and not queue["running"]:
                text = _("The queue %(name)s has workers, but what waits is not begun.") % {
                    "name": name
                }
                said.append(Concern(True, text, f"bin/sfa logs worker-{name}"))
        for program in found["programs"]:
            if self.admin and program["state"] in ("FATAL", "BACKOFF"):
                text = _("The program %(name)s does not come up.") % {"name": program["name"]}
                said.append(Concern(True, text, f"bin/sfa logs {program['name']}"))
        host: Vitals = found["host"]
        if host.disk_low:
            said.append(
                Concern(True, _("The disk under the store is almost full."), "bin/sfa doctor")
            )
        database = found["database"]
        if database["connections"] > 0.9 * database["most_connections"]:
            said.append(Concern(True, _("The database has hardly a connection left.")))
        if self.admin and found["mails"]["stuck"]:
            said.append(Concern(False, _("Mails wait for the mail server."), "/mailbox"))
        if self.admin and found["mails"]["failed"]:
            said.append(Concern(False, _("Mails were refused within the last day."), "/mailbox"))
        return said

    async def _secrets(self, session: Session) -> list[Concern]:
        if not self.admin:
            return []
        try:
            keys = await Vault(self.config).keys(session)
        except SfaError:
            return [Concern(True, _("The key ring cannot be read."), "bin/sfa keys")]
        if any(count and not here for _id, count, here in keys):
            text = _("Some secrets cannot be opened here: their key is missing.")
            return [Concern(True, text, "bin/sfa keys")]
        return []
