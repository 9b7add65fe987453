"""Sign a user in at Spotify: authorization code with PKCE (RFC 7636), and refreshed access afterwards.

``begin`` makes a state and a verifier, and the address to send the browser to; ``exchange`` turns the code that comes
back into tokens; ``refresh`` a refresh token into fresh ones (Spotify may hand out a new refresh token with it, which then
replaces the old one). Nothing is kept here: `sfa.spotify_account` does.

Options: see `sfa.config.Config`, spotify_client_id, spotify_accounts_url, spotify_redirect_url.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx

from sfa.config import Config
from sfa.errors import InputError, SfaError
from sfa.spotify import ACCOUNTS, PATIENCE, judged

SCOPES = "playlist-read-private playlist-read-collaborative user-library-read"


class SignInEnded(InputError):
    """Spotify does not accept this sign-in any more: sign in there again."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way; ``state`` and ``verifier`` are secrets."""

    state: str = field(repr=False)
    verifier: str = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What Spotify hands out; ``refresh`` is empty where the old one stays good."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    seconds: float = 3600
    scopes: str = ""


def redirect_address(config: Config) -> str:
    """Where Spotify sends the browser back to; it has to be registered there."""
    return config.spotify_redirect_url or f"{config.address}/spotify/callback"


def begin(config: Config) -> Begun:
    """A new sign-in. `InputError` where the installation has no client id."""
    if not config.spotify_client_id:
        raise InputError(
            "Signing in at Spotify needs an app there: set spotify_client_id and spotify_client_secret first."
        )
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    asked = {
        "response_type": "code",
        "client_id": config.spotify_client_id,
        "scope": SCOPES,
        "redirect_uri": redirect_address(config),
        "state": state,
        "code_challenge_method": "S256",
        "code_challenge": challenge(verifier),
    }
    address = f"{config.spotify_accounts_url or ACCOUNTS}/authorize?{urlencode(asked)}"
    return Begun(state, verifier, address)


def challenge(verifier: str) -> str:
    """What is shown of the verifier before it is told."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


async def exchange(config: Config, http: httpx.AsyncClient, code: str, verifier: str) -> Tokens:
    """The tokens for a code."""
    return await _ask(
        config, http, grant_type="authorization_code", code=code, code_verifier=verifier,
        redirect_uri=redirect_address(config),
    )  # fmt: skip


async def refresh(config: Config, http: httpx.AsyncClient, token: str) -> Tokens:
    """Fresh tokens; `SignInEnded` where the user or Spotify has ended it."""
    return await _ask(config, http, grant_type="refresh_token", refresh_token=token)


async def _ask(config: Config, http: httpx.AsyncClient, **form: str) -> Tokens:
    address = (config.spotify_accounts_url or ACCOUNTS) + "/api/token"
    data = {**form, "client_id": config.spotify_client_id}
    try:
        answer = await http.post(address, data=data, timeout=PATIENCE)
    except httpx.HTTPError as error:
        raise SfaError(f"Spotify does not answer: {type(error).__name__}") from error
    if answer.status_code in (400, 401):
        raise SignInEnded
    told = judged(answer)
    if not told.get("access_token"):
        raise SfaError("Spotify's answer is not what it used to be")
    return Tokens(
        str(told["access_token"]),
        str(told.get("refresh_token") or ""),
        float(told.get("expires_in") or 3600),
        str(told.get("scope") or ""),
    )
