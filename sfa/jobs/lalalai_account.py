"""Find the lalal.ai licence a user's jobs run under: the user's own before the installation's.

Keys are secrets of the vault, named `SECRET`; the installation's may also be the setting ``lalalai_key``. Work that was
begun under an account goes on under it: ``wanted`` asks for that one.
"""

from __future__ import annotations

from sfa.config import Config
from sfa.db import Session
from sfa.errors import InputError
from sfa.lalalai import SECRET, Account
from sfa.vault import Vault


async def find(
    session: Session, config: Config, user: int | None, wanted: str | None = None
) -> Account:
    """The account for a user's jobs, or the ``wanted`` one. `InputError`: there is no key for it."""
    vault = Vault(config)
    owners = [None] if user is None else [user, None]
    secrets = [await vault.get(session, owner, SECRET) for owner in owners]
    keys = [secret.reveal() for secret in secrets if secret is not None]
    accounts = [Account(key, config.lalalai_url) for key in [*keys, config.lalalai_key] if key]
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
