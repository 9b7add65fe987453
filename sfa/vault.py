"""Keep secrets: API keys, OAuth tokens, passwords of services, encrypted at rest, by owner and name.

An owner is a user's id, or None for the installation's own. `get` gives a `Secret`, which shows itself in no log, no
error and no template: ``reveal()`` is the only way to the text. What is encrypted with which key: `sfa.keyring`.
Writing waits while keys are rotated (an advisory lock), so that no secret is left with a retired key.
Limits: a secret has at most 65,536 characters; a name is a-z, 0-9 and ``_.:-``, at most 100.

    vault = Vault(config)
    async with database.session() as session:
        await vault.put(session, user_id, "spotify.refresh_token", token)
        secret = await vault.get(session, user_id, "spotify.refresh_token")   # Secret or None
        await vault.forget(session, user_id, "spotify.refresh_token")
"""

from __future__ import annotations

from sfa.config import Config
from sfa.db import Database, Row, Session
from sfa.errors import InputError
from sfa.keyring import Key, KeyMissing, KeyRing, SecretDamaged, seal, unseal

LONGEST = 65_536


class Secret:
    """A text that is not shown by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(•••)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not to be copied anywhere")


class Vault:
    """The secrets of one installation."""

    def __init__(self, config: Config) -> None:
        self.ring = KeyRing(config)

    async def put(self, session: Session, owner: int | None, name: str, value: str) -> None:
        """Keep a secret; one of the same name is replaced. `Refused` for a bad name, `InputError` for a bad value."""
        if not value or len(value) > LONGEST or "\x00" in value:
            raise InputError(f"a secret has between 1 and {LONGEST} characters")
        async with session.transaction():
            await session.one("secret_lock", exclusive=False)
            key = await self._sealing(session)
            await session.run(
                "secret_put", user_id=owner, name=name, key_id=key.id,
                sealed=seal(key, _about(owner, name), value),
            )  # fmt: skip

    async def get(self, session: Session, owner: int | None, name: str) -> Secret | None:
        """The secret, or None. Raises `KeyMissing` where this host lacks its key."""
        row = await session.one("secret_get", user_id=owner, name=name)
        if row is None:
            return None
        return Secret(unseal(self.ring.read(), row["key_id"], _about(owner, name), row["sealed"]))

    async def forget(self, session: Session, owner: int | None, name: str) -> bool:
        """Remove the secret; whether there was one."""
        return await session.run("secret_forget", user_id=owner, name=name) > 0

    async def names(self, session: Session, owner: int | None) -> list[Row]:
        """What secrets there are: ``name``, ``inserted_at``, ``updated_at``, ``used_at``."""
        return await session.all("secret_list", user_id=owner)

    async def keys(self, session: Session) -> list[tuple[str, int, bool]]:
        """Each key's id, how many secrets it sealed, and whether it is here; the sealing one first."""
        used = {row["key_id"]: row["secrets"] for row in await session.all("secret_keys")}
        here = [key.id for key in self.ring.read()]
        return [(id_, used.get(id_, 0), True) for id_ in here] + [
            (id_, count, False) for id_, count in used.items() if id_ not in here
        ]

    async def rotate(self, database: Database) -> int:
        """Seal everything with a new key and retire the old ones; how many secrets.

        With the keys from the setting: with its first key, and nothing is retired.
        """
        if not self.ring.given:
            self.ring.add(Key.new())
        total = 0
        async with database.transaction() as session:
            # Nobody writes meanwhile, and who reads has both keys until the end.
            await session.one("secret_lock", exclusive=True)
            keys = self.ring.read()
            known = [key.id for key in keys]
            while rows := await session.all("secret_outdated", key_id=known[0], known=known):
                for row in rows:
                    about = _about(row["user_id"], row["name"])
                    try:
                        text = unseal(keys, row["key_id"], about, row["sealed"])
                    except SecretDamaged as error:
                        whose = (
                            "the installation"
                            if row["user_id"] is None
                            else f"user {row['user_id']}"
                        )
                        raise SecretDamaged(
                            f"the secret {row['name']} of {whose} does not open with its key, so no key was "
                            "retired: have it entered anew or forgotten, then rotate again"
                        ) from error
                    await session.run(
                        "secret_reseal", id=row["id"], key_id=known[0], sealed=seal(keys[0], about, text)
                    )  # fmt: skip
                total += len(rows)
        if not self.ring.given:
            self.ring.retire(set(known[1:]))
        return total

    async def _sealing(self, session: Session) -> Key:
        keys = self.ring.read()
        if not keys:
            # A ring of its own would split the installation: nobody could open all of it.
            if await session.all("secret_keys"):
                raise KeyMissing
            keys = self.ring.start()
        return keys[0]


def _about(owner: int | None, name: str) -> bytes:
    return f"sfa secret 1|{'' if owner is None else owner}|{name}".encode()
