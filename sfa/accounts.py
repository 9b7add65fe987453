"""Let people in: one-time links and the sessions they become.

A token is 32 random bytes; the database keeps only its sha256, and decides by its own clock. A link works
once and for 15 minutes, a session for 14 days or until it is ended or its user is suspended. The command
line makes the links, the web redeems them.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sfa.db import Session
from sfa.errors import SfaError


class NoSuchUser(SfaError):
    """There is no active user to sign in."""


@dataclass(frozen=True, slots=True)
class User:
    """Who is signed in, and by which session."""

    id: int
    email: str
    role: str
    session: UUID


def digest(token: str) -> bytes:
    """What the database knows of a token."""
    return hashlib.sha256(token.encode()).digest()


async def local_owner(session: Session) -> int:
    """The user that this installation belongs to."""
    row = await session.one("account_owner")
    if row is None or row["id"] is None:
        raise NoSuchUser
    return int(row["id"])


async def new_sign_in(session: Session, user_id: int) -> str:
    """A token for ``/sign-in/<token>``: good once, for 15 minutes."""
    token = secrets.token_urlsafe(32)
    await session.run("token_purge")
    if await session.one("token_insert", user_id=user_id, token_hash=digest(token)) is None:
        raise NoSuchUser
    return token


async def redeem(session: Session, token: str) -> str | None:
    """Trade a sign-in token for a session's; None: it is unknown, used or too old."""
    session_token = secrets.token_urlsafe(32)
    row = await session.one(
        "token_redeem", token_hash=digest(token), session_hash=digest(session_token)
    )
    return session_token if row else None


async def session_user(session: Session, token: str) -> User | None:
    """Who the session belongs to; None: nobody, any more."""
    row = await session.one("session_find", token_hash=digest(token))
    if row is None:
        return None
    return User(row["user_id"], row["email"], row["role"], row["id"])


async def end_session(session: Session, user: User) -> None:
    """Sign out."""
    await session.run("session_end", id=user.session)


async def audit(
    session: Session,
    user_id: int | None,
    action: str,
    target: str = "",
    *,
    address: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write down what somebody did: ``action`` is ``noun.verb``; a user_id of None is the command line. Never a secret."""
    await session.run(
        "audit_add", user_id=user_id, actor="command line" if user_id is None else "a former user",
        action=action, target=target[:500], address=address, detail=json.dumps(dict(detail or {})),
    )  # fmt: skip
