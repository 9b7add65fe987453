"""Say which models a track can be separated with here, and which of them at once."""

from __future__ import annotations

from dataclasses import dataclass

from sfa.config import Config
from sfa.db import Session
from sfa.weights import available

PREVIEW = "spectral"


@dataclass(frozen=True, slots=True)
class Choice:
    """A model: its name, what it is good for, and whether it can start without fetching anything."""

    name: str
    description: str
    ready: bool


async def choices(session: Session, config: Config) -> list[Choice]:
    """Every model, in the order to offer them."""
    return [
        Choice(
            row["name"],
            row["description"],
            row["engine"] == PREVIEW or available(row["name"], config.models_folder),
        )
        for row in await session.all("model_list")
    ]


def preset(offered: list[Choice], config: Config) -> str:
    """The model that the form starts with: the configured one if it can start at once, else the preview."""
    ready = {choice.name for choice in offered if choice.ready}
    return config.model if config.model in ready else PREVIEW
