"""Keep a user's sign-in at Spotify: the refresh token in the vault, and who that is in a row.

A sign-in under way is one a user: its state is used once and lasts ten minutes, its verifier lies in the vault until
then. An access token is never kept.
"""

from __future__ import annotations

import hashlib

import httpx

from sfa.config import Config
from sfa.db import Database, Row
from sfa.errors import InputError
from sfa.spotify import Spotify
from sfa.spotify_sign_in import Begun, SignInEnded, begin, exchange, refresh
from sfa.vault import Vault

REFRESH = "spotify.refresh_token"
VERIFIER = "spotify.verifier"


class Account:
    """One user's sign-in; ``http`` is lent, not owned."""

    def __init__(
        self, config: Config, database: Database, http: httpx.AsyncClient, user: int
    ) -> None:
        self._config = config
        self._database = database
        self._http = http
        self._user = user
        self._vault = Vault(config)

    async def begin(self) -> Begun:
        """Begin a sign-in; the address is where the browser goes next."""
        begun = begin(self._config)
        async with self._database.transaction() as session:
            await session.run("spotify_begin", user_id=self._user, state_hash=_hash(begun.state))
            await self._vault.put(session, self._user, VERIFIER, begun.verifier)
        return begun

    async def finish(self, code: str, state: str) -> str:
        """End a sign-in with what came back; the name at Spotify. `InputError` for a state that is not good (any more)."""
        async with self._database.transaction() as session:
            row = await session.one("spotify_redeem", user_id=self._user, state_hash=_hash(state))
            verifier = await self._vault.get(session, self._user, VERIFIER)
            if row is None or verifier is None:
                raise InputError("This sign-in is not under way any more. Begin it again.")
            await self._vault.forget(session, self._user, VERIFIER)
        tokens = await exchange(self._config, self._http, code, verifier.reveal())
        if not tokens.refresh:
            raise InputError("Spotify gave no lasting access. Begin the sign-in again.")
        who = await Spotify(self._config, self._http, tokens.access).whoami()
        async with self._database.transaction() as session:
            await self._vault.put(session, self._user, REFRESH, tokens.refresh)
            await session.run(
                "spotify_connected", user_id=self._user, spotify_user=who["id"], name=who["name"], scopes=tokens.scopes,
            )  # fmt: skip
        return who["name"] or who["id"]

    async def show(self) -> Row | None:
        """Who the user is at Spotify; None: not signed in."""
        async with self._database.session() as session:
            return await session.one("spotify_account", user_id=self._user)

    async def forget(self) -> None:
        """Sign out: both the token and the row go."""
        async with self._database.transaction() as session:
            await self._vault.forget(session, self._user, REFRESH)
            await session.run("spotify_forget", user_id=self._user)

    async def access(self) -> str:
        """An access token of the user's; empty where there is no sign-in, or Spotify has ended it."""
        # One at a time: Spotify takes a refresh token once, and a second import that showed the same would end the sign-in.
        async with self._database.transaction() as session:
            if await session.one("spotify_lock", user_id=self._user) is None:
                return ""
            kept = await self._vault.get(session, self._user, REFRESH)
            if kept is None:
                return ""
            try:
                tokens = await refresh(self._config, self._http, kept.reveal())
            except SignInEnded:
                await self._vault.forget(session, self._user, REFRESH)
                await session.run("spotify_ended", user_id=self._user)
                return ""
            if tokens.refresh:
                await self._vault.put(session, self._user, REFRESH, tokens.refresh)
            return tokens.access


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()
