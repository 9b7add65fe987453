"""Say which models a track can be separated with here, and which of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sfa.config import Config
from sfa.db import Session
from sfa.weights import available

PREVIEW = "spectral"
CLOUD = "lalalai"
"""The engine that is not on this machine: the track's page has a form of its own for it (`sfa.web.cloud`)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model: its name, what it is good for, and whether it can start without fetching anything."""

    name: str
    description: str
    ready: bool
    seconds: float | None = None
    """How long it takes for the track at hand, where that was measured."""


async def choices(session: Session, config: Config, track_id: UUID | None = None) -> list[Choice]:
    """Every model of this machine, in the order to offer them; priced for a track if one is given."""
    prices: dict[str, float] = {}
    if track_id is not None:
        rows = await session.all("model_prices", track_id=track_id)
        prices = {row["name"]: row["seconds"] for row in rows}
    return [
        Choice(
            row["name"],
            row["description"],
            row["engine"] == PREVIEW or available(row["name"], config.models_folder),
            prices.get(row["name"]),
        )
        for row in await session.all("model_list")
        if row["engine"] != CLOUD
    ]


def preset(offered: list[Choice], config: Config) -> str:
    """The model that the form starts with: the configured one if it can start at once, else the preview."""
    ready = {choice.name for choice in offered if choice.ready}
    return config.model if config.model in ready else PREVIEW
