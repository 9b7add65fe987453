"""Say what a track's page offers of lalal.ai: whether there is a key, what is left, and what each operation costs."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sfa.config import Config
from sfa.db import Session

SECRET = "lalalai.key"  # noqa: S105 - its name
STEMS = (
    "vocals", "drums", "bass", "piano", "electric_guitar", "acoustic_guitar", "synth", "strings", "wind",
)  # fmt: skip
SEVERAL = STEMS[:6]


@dataclass(frozen=True, slots=True)
class Cloud:
    """``key``: whether jobs have a licence. Minutes: the track's length, left of the licence, spent and allowed this month."""

    key: bool
    minutes: float | None
    left: float | None
    spent: float
    allowed: float | None
    voices: list[tuple[str, str]]


async def offered(session: Session, config: Config, user_id: int, track_id: UUID) -> Cloud:
    """What the cloud offers this user for this track."""
    row = await session.one(
        "cloud_offer", user_id=user_id, track_id=track_id, secret=SECRET, given=bool(config.lalalai_key)
    )  # fmt: skip
    assert row is not None
    packs = await session.all("voice_pack_list", user_id=user_id)
    voices = [(pack["pack_id"], pack["name"]) for pack in packs]
    return Cloud(row["key"], row["minutes"], row["left"], row["spent"], row["allowed"], voices)
