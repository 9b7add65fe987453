"""Let people in: one-time links and passwords, the sessions they become, tokens for programs, and who did what.

A token is 32 random bytes; the database keeps only its sha256, and decides by its own clock. A link works once and
for 15 minutes (an invitation for longer), a session for 14 days or until it is ended or its user is suspended, an API token (``sfa_…``) for as
long as its user said. The command line and the mail make the links, the web redeems them.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sfa import passwords
from sfa.db import Database, Row, Session
from sfa.errors import InputError, SfaError

PREFIX = "sfa_"
SCOPES = ("read", "write", "admin", "metrics")
"""What an API token may do: look; change what is its user's; steer what is everybody's; read /metrics."""


class NoSuchUser(SfaError):
    """There is no active user to sign in."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a request came from."""

    address: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class User:
    """Who is signed in, and by which session or API token (whose scopes are named)."""

    id: int
    email: str
    role: str
    session: UUID
    scopes: frozenset[str] = frozenset()
    unread: int = 0
    """Notifications, 100 at most."""


def digest(token: str) -> bytes:
    """What the database knows of a token."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


async def local_owner(session: Session) -> int:
    """The user that this installation belongs to."""
    row = await session.one("account_owner")
    if row is None or row["id"] is None:
        raise NoSuchUser
    return int(row["id"])


async def new_sign_in(session: Session, user_id: int, minutes: int = 15) -> str:
    """A token for ``/sign-in/<token>``: good once, for so many minutes; `NoSuchUser` who is suspended."""
    token = secrets.token_urlsafe(32)
    await session.run("token_purge")
    made = await session.one(
        "token_insert", user_id=user_id, token_hash=digest(token), minutes=minutes
    )
    if made is None:
        raise NoSuchUser
    return token


async def redeem(session: Session, token: str, visit: Visit = Visit()) -> str | None:
    """Trade a sign-in token for a session's; None: it is unknown, used or too old."""
    session_token = secrets.token_urlsafe(32)
    row = await session.one(
        "token_redeem", token_hash=digest(token), session_hash=digest(session_token),
        address=visit.address, agent=visit.agent,
    )  # fmt: skip
    if row is None:
        return None
    await audit(session, row["user_id"], "session.start", "link", address=visit.address)
    return session_token


async def sign_in(database: Database, email: str, password: str, visit: Visit) -> str | None:
    """A session's token for who knows the password; None: he does not, or may not come in."""
    async with database.session() as session:
        found = await session.one("user_find", email=email)
    # Between two sessions: hashing takes a while, and connections are few.
    fit = await passwords.matches(found["password_hash"] if found else None, password)
    if found is None:
        return None
    token = secrets.token_urlsafe(32)
    fresh = None
    if fit and passwords.outdated(found["password_hash"]):
        fresh = await passwords.hashed(password)
    async with database.session() as session:
        started = fit and await session.one(
            "session_start", user_id=found["id"], session_hash=digest(token),
            address=visit.address, agent=visit.agent,
        )  # fmt: skip
        if not started:
            await audit(
                session,
                None,
                "session.refuse",
                found["email"],
                address=visit.address,
                actor="a stranger",
            )
            return None
        if fresh:
            await session.run("user_set_password", user_id=found["id"], password_hash=fresh)
        await audit(session, found["id"], "session.start", "password", address=visit.address)
    return token


async def set_password(
    database: Database, user: User, new: str, visit: Visit, current: str | None = None
) -> None:
    """Give a user a password; his other sessions end.

    ``current`` is the old one. Without it only the first password can be set, or one by a session that a link has
    begun within the last quarter of an hour: whoever has the link could have come in anyway.
    """
    async with database.session() as session:
        found = await session.one("user_password", user_id=user.id, session=user.session)
    if found is None:
        raise NoSuchUser
    free = found["password_hash"] is None or found["by_link"]
    if not free and not await passwords.matches(found["password_hash"], current or ""):
        raise InputError(
            "That is not your password. Without it, sign in by a link, then set another."
        )
    passwords.check(new, found["email"])
    fresh = await passwords.hashed(new)
    async with database.transaction() as session:
        await session.run("user_set_password", user_id=user.id, password_hash=fresh)
        await session.run("session_end_others", user_id=user.id, current=user.session)
        await audit(session, user.id, "password.set", address=visit.address)


async def session_user(session: Session, token: str, visit: Visit = Visit()) -> User | None:
    """Who the session belongs to; None: nobody, any more."""
    return await _user(session, await session.one("session_find", token_hash=digest(token)), visit)


async def token_user(session: Session, token: str, visit: Visit) -> User | None:
    """Whose API token this is; None: nobody's."""
    if not token.startswith(PREFIX):
        return None
    return await _user(session, await session.one("token_find", token_hash=digest(token)), visit)


async def _user(session: Session, row: Row | None, visit: Visit) -> User | None:
    if row is None:
        return None
    if row["stale"] and visit.address:
        await session.run("token_seen", id=row["id"], address=visit.address)
    scopes, unread = frozenset(row["scopes"]), row.get("unread", 0)
    return User(row["user_id"], row["email"], row["role"], row["id"], scopes, unread)


async def new_token(
    session: Session, user: User, name: str, scopes: list[str], days: int | None, visit: Visit
) -> str:
    """An API token, shown this once. Raises `InputError` for what no token can be."""
    if not scopes or not set(scopes) <= set(SCOPES):
        raise InputError("Choose what the token may do.")
    if {"admin", "metrics"} & set(scopes) and user.role != "admin":
        raise InputError("Only an administrator's token may steer what everybody shares.")
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise InputError("Give the token a name of at most 100 characters, to know it by.")
    if days is not None and not 1 <= days <= 3660:
        raise InputError("A token lasts between a day and ten years, or until it is revoked.")
    token = PREFIX + secrets.token_urlsafe(32)
    made = await session.one(
        "token_make", user_id=user.id, token_hash=digest(token), name=name, scopes=scopes, days=days
    )
    if made is None:
        raise InputError("You have 50 tokens already: revoke one first.")
    await audit(
        session, user.id, "token.make", name, address=visit.address, detail={"scopes": scopes}
    )
    return token


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
    actor: str = "command line",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write down what somebody did: ``action`` is ``noun.verb``; a user_id of None is the ``actor``. Never a secret."""
    await session.run(
        "audit_add", user_id=user_id, actor=actor, action=action, target=target[:500],
        address=address, detail=json.dumps(dict(detail or {})),
    )  # fmt: skip
