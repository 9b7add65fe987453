"""The models: what each is good for, whether its weights are here, and what is going on with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from sfa import weights
from sfa.config import Config
from sfa.db import Session
from sfa.web.model_work import ModelWork
from sfa.web.models import PREVIEW, choices


@dataclass(frozen=True, slots=True)
class Models:
    """Every model of this installation."""

    admin: bool
    config: Config = field(compare=False, repr=False)
    work: ModelWork = field(compare=False, repr=False)
    name: ClassVar[str] = "models"
    pieces: ClassVar[tuple[str, ...]] = ("models",)

    def concerns(self, topic: str) -> bool:
        """What this process does with models."""
        return topic == "models"

    def query(self) -> dict[str, str]:
        """Nothing: there is one list."""
        return {}

    async def load(self, session: Session) -> dict[str, Any]:
        """The models in the order to offer them."""
        rows = {row["name"]: row for row in await session.all("model_list")}
        folder = self.config.models_folder
        shown = []
        for choice in await choices(session, self.config):
            row = rows[choice.name]
            files = await asyncio.to_thread(_files, choice.name, folder)
            shown.append(
                {
                    "name": choice.name,
                    "description": choice.description,
                    "stems": row["stems"],
                    "engine": row["engine"],
                    "ready": choice.ready,
                    "preset": choice.name == self.config.model,
                    "needs": row["engine"] != PREVIEW,
                    "released": choice.name in weights.MODELS,
                    "files": files,
                    "bytes": sum(size for _, size in files),
                    "work": self.work.state.get(choice.name),
                }
            )
        return {"models": shown, "admin": self.admin}


def _files(name: str, folder: Path) -> list[tuple[str, int]]:
    return [(path.name, path.stat().st_size) for path in weights.files(name, folder)]
