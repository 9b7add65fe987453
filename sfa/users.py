"""Look after the users: who may come in, who administers, and an end to whatever somebody is in by.

There is always an administrator who may come in: whoever would take away the last one gets `LastAdministrator`. The
administrators are locked before that is decided, so each of these runs inside a transaction. Who is suspended loses his
sessions, API tokens and unused links for good: readmitted, he signs in anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sfa.db import Row, Session
from sfa.errors import SfaError

CHUNK = 500


class LastAdministrator(SfaError):
    """This is the last administrator who may come in: make another one first."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How many sessions and API tokens a user has lost."""

    sessions: int
    tokens: int


async def administrators(session: Session) -> set[int]:
    """The ids of the administrators who may come in; nobody changes them until the transaction ends."""
    return {int(row["id"]) for row in await session.all("user_lock_admins")}


async def suspend(session: Session, user_id: int) -> Ended:
    """Show a user out and keep him out; `LastAdministrator` where nobody could undo it."""
    await administrators(session)
    if await session.one("user_set_status", user_id=user_id, status="suspended") is None:
        raise LastAdministrator
    return await end_all(session, user_id)


async def readmit(session: Session, user_id: int) -> None:
    """Let a suspended user in again, by his password or a new link."""
    await session.one("user_set_status", user_id=user_id, status="active")


async def set_role(session: Session, user_id: int, role: str) -> None:
    """Make an administrator (``admin``) or no longer one (``user``); `LastAdministrator` if there is no other."""
    await administrators(session)
    if await session.one("user_set_role", user_id=user_id, role=role) is None:
        raise LastAdministrator


async def end_all(session: Session, user_id: int) -> Ended:
    """End a user's sessions, API tokens and unused links; he may come in again by his password or a new link."""
    row = await session.one("user_end_all", user_id=user_id)
    return Ended(row["sessions"], row["tokens"]) if row else Ended(0, 0)


async def everyone(session: Session) -> AsyncIterator[Row]:
    """Every user, the oldest first, a piece at a time."""
    after = 0
    while rows := await session.all("user_list", after=after, size=CHUNK):
        for row in rows:
            yield row
        after = rows[-1]["id"]
