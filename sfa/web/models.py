"""Say which models a track can be separated with here, and which of them at once.

Decides by the files in ``config.models_folder``: Demucs keeps ``<name>.yaml`` and ``<signature>-<hash>.th`` there.
Limit: it looks for files, it does not check their hashes; the child that loads them does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sfa.config import Config
from sfa.db import Session

PREVIEW = "spectral"


@dataclass(frozen=True, slots=True)
class Choice:
    """A model: its name, what it is good for, and whether it can start without fetching anything."""

    name: str
    description: str
    stems: int
    ready: bool


def weights_present(folder: Path, name: str) -> bool:
    """Whether the folder has this model's weights, alone or as a bag."""
    bag = folder / f"{name}.yaml"
    if not bag.is_file():
        return any(folder.glob(f"{name}*.th")) or any(folder.glob(f"{name}*.safetensors"))
    signatures = [line.partition("'")[2].partition("'")[0] for line in _listed(bag)]
    return all(any(folder.glob(f"{signature}*")) for signature in signatures if signature)


def _listed(bag: Path) -> list[str]:
    try:
        text = bag.read_text()
    except (OSError, UnicodeDecodeError):
        return []
    listed = text.partition("models:")[2].partition("]")[0].replace("[", "").replace('"', "'")
    return listed.split(",")


async def choices(session: Session, config: Config) -> list[Choice]:
    """Every model, in the order to offer them."""
    return [
        Choice(
            row["name"],
            row["description"],
            len(row["stems"]),
            row["engine"] == "spectral" or weights_present(config.models_folder, row["name"]),
        )
        for row in await session.all("model_list")
    ]


def preset(offered: list[Choice], config: Config) -> str:
    """The model that the form starts with: the configured one if it can start at once, else the preview."""
    ready = {choice.name for choice in offered if choice.ready}
    return config.model if config.model in ready else PREVIEW
