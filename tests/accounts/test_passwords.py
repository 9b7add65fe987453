"""Passwords: argon2id, never for an account without one, refused when they are easily guessed."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from sfa import passwords
from sfa.errors import InputError


async def test_a_hash_is_argon2id_and_fits_its_password_only() -> None:
    kept = await passwords.hashed("correct horse battery")
    assert kept.startswith("$argon2id$")
    assert "horse" not in kept
    assert await passwords.matches(kept, "correct horse battery")
    assert not await passwords.matches(kept, "correct horse batterz")
    assert not await passwords.matches(kept, "")
    assert not passwords.outdated(kept)


async def test_who_has_no_password_has_none_that_fits() -> None:
    assert not await passwords.matches(None, "nobody has this password")
    assert not await passwords.matches("broken", "x")


def test_a_hash_of_lesser_costs_is_outdated() -> None:
    assert passwords.outdated(PasswordHasher(time_cost=1, memory_cost=8192).hash("x"))


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "x" * 1001,
        "aaaaaaaaaaaa",
        "ababababababab",
        "singer@example.org",
        "SINGER@EXAMPLE.ORG",
    ],
)
def test_what_is_easily_guessed_is_refused(password: str) -> None:
    with pytest.raises(InputError):
        passwords.check(password, "singer@example.org")
