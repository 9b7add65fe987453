"""Find the lalal.ai licence a user's jobs run under: the user's own before the installation's.

Keys are secrets of the vault, named `SECRET`; the installation's may also be the setting ``lalalai_key``. In tables an
account is known by `Account.name` alone, which tells nobody the key. Work that was begun under an account goes on
under it: ``wanted`` asks for that one.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from sfa.config import Config
from sfa.db import Session
from sfa.errors import InputError
from sfa.lalalai import URL, Lalalai
from sfa.vault import Vault

SECRET = "lalalai.key"  # noqa: S105 - its name


@dataclass(frozen=True, slots=True)
class Account:
    """A licence and where its API is."""

    key: str = field(repr=False)
    url: str

    @property
    def name(self) -> str:
        """What the account is called in tables: 16 hexadecimal digits."""
        return hashlib.sha256(f"{self.url} {self.key}".encode()).hexdigest()[:16]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Lalalai]:
        """The account's client."""
        async with httpx.AsyncClient() as http:
            yield Lalalai(http, self.key, self.url)


async def find(
    session: Session, config: Config, user: int | None, wanted: str | None = None
) -> Account:
    """The account for a user's jobs, or the ``wanted`` one. `InputError`: there is no key for it."""
    url = (config.lalalai_url or URL).rstrip("/")
    vault = Vault(config)
    owners = [None] if user is None else [user, None]
    secrets = [await vault.get(session, owner, SECRET) for owner in owners]
    keys = [secret.reveal() for secret in secrets if secret is not None]
    accounts = [Account(key, url) for key in [*keys, config.lalalai_key] if key]
    for account in accounts:
        if wanted in (None, account.name):
            return account
    if accounts:
        raise InputError(
            "the licence key that this was begun with is not there any more: enter it again, or retry to begin anew"
        )
    raise InputError(
        "there is no licence key for lalal.ai: enter one in the settings, or set lalalai_key"
    )
