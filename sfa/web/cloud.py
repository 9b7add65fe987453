"""Say what a track's page offers of lalal.ai: a key or none, what is left, what each operation costs; and try a key."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

from sfa.config import Config
from sfa.db import Session
from sfa.errors import InputError, SfaError
from sfa.lalalai import SECRET, Account
from sfa.vault import Vault
from sfa.web.failures import Unusable

STEMS = (
    "vocals", "drums", "bass", "piano", "electric_guitar", "acoustic_guitar", "synth", "strings", "wind",
)  # fmt: skip
SEVERAL = STEMS[:6]
PATIENCE_SECONDS = 8.0


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


async def left_of(account: Account) -> float | None:
    """Ask lalal.ai what a licence has left, in minutes; None where it does not answer now. `Unusable`: it does not know the key."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), account.open() as api:
            return await api.minutes_left()
    except InputError as error:
        raise Unusable(
            "lalal.ai does not know this key: copy it from your account there. Nothing was changed.", 422
        ) from error  # fmt: skip
    except (SfaError, TimeoutError):
        return None


async def own_account(session: Session, config: Config, user_id: int) -> Account | None:
    """The account of a user's own key."""
    secret = await Vault(config).get(session, user_id, SECRET)
    return Account(secret.reveal(), config.lalalai_url) if secret else None
