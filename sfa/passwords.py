"""Hash passwords with argon2id and compare them, away from the event loop.

The costs are argon2-cffi's defaults (RFC 9106's second choice: 64 MiB, three passes); a hash made with others is
renewed at the next sign-in. Two at a time at most, so that many sign-ins cost time, not memory.
An address that nobody has takes as long as a wrong password.
"""

from __future__ import annotations

import functools

import anyio
from anyio import to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sfa.errors import InputError

SHORTEST, LONGEST = 10, 1000
_hasher = PasswordHasher()


@functools.cache
def _limiter() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(2)


@functools.cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")


def check(password: str, email: str) -> None:
    """Refuse a password that is easily guessed, with what to do."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(f"A password has between {SHORTEST} and {LONGEST} characters.")
    if len(set(password)) < 4 or password.lower() in (
        email.lower(),
        email.partition("@")[0].lower(),
    ):
        raise InputError(
            "This password is too easily guessed. Take a few words that do not belong together."
        )


async def hashed(password: str) -> str:
    """The hash to keep."""
    return await to_thread.run_sync(_hasher.hash, password, limiter=_limiter())


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether it is the password; without a hash it never is."""

    def verify() -> bool:
        try:
            return _hasher.verify(password_hash or _nobody(), password[: LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False

    fit = await to_thread.run_sync(verify, limiter=_limiter())
    return fit and password_hash is not None


def outdated(password_hash: str) -> bool:
    """Whether the hash was made with other costs than today's."""
    return _hasher.check_needs_rehash(password_hash)
