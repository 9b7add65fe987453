"""Read the lists of Spotify's catalogue: a track, an album, a playlist, a page at a time.

With credentials the Web API is asked (client credentials; the token is kept for as long as it is good), without them the
public embed page, which needs none. Both give the same `Page`. A 429 is `Later` with what its Retry-After says: whoever
asks puts the work off, nobody sleeps. Limit: the embed page shows the first 100 tracks of a list, and says so in
``Page.notice``.

Options: see `sfa.config.Config`, spotify_*.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from sfa.config import Config
from sfa.errors import InputError, Later, SfaError
from sfa.spotify_embed import parse_embed
from sfa.spotify_items import Item, Page, api_item, items_of, text

Kind = Literal["track", "album", "playlist"]

API = "https://api.spotify.com/v1"
ACCOUNTS = "https://accounts.spotify.com"
EMBED = "https://open.spotify.com/embed"
PATIENCE = 15.0
"""Seconds that an answer may take."""
LONGEST = 6 * 3600.0
"""The longest pause that is believed; after it one asks again."""
SIZES = {"album": 50, "playlist": 100}
MOST = 20_000

__all__ = ["Item", "Page", "Spotify"]


@dataclass(slots=True)
class Spotify:
    """The catalogue; ``http`` is lent, not owned."""

    config: Config
    http: httpx.AsyncClient
    user_token: str = field(default="", repr=False)
    """An access token of the user who asks: what only they can see is seen."""

    _token: str = field(default="", repr=False)
    _good_until: float = 0.0

    async def page(self, kind: Kind, ident: str, offset: int = 0) -> Page:
        """The items from ``offset`` on. `InputError`: there is no such thing; `Later`; `SfaError`: try again."""
        if not self.config.spotify_client_id and not self.user_token:
            base = self.config.spotify_embed_url or EMBED
            return parse_embed(kind, await self._text(f"{base}/{kind}/{ident}"))
        if offset >= MOST:
            raise InputError(f"the list is longer than {MOST} tracks")
        if kind == "track":
            return Page.of_track(api_item(0, await self._api(f"/tracks/{ident}")))
        if offset == 0:
            return await self._first(kind, ident)
        asked = {"limit": SIZES[kind], "offset": offset}
        # An album's tracks say nothing of the album itself.
        whole = await self._api(f"/albums/{ident}") if kind == "album" else {}
        return items_of(kind, await self._api(f"/{kind}s/{ident}/tracks", asked), whole, offset)

    async def _first(self, kind: Kind, ident: str) -> Page:
        """The list's own facts and its first page, in one request."""
        whole = await self._api(f"/{kind}s/{ident}")
        return items_of(kind, whole.get("tracks") or {}, whole, 0)

    async def version(self, ident: str) -> str | None:
        """Which state a playlist is in now; None where Spotify does not say."""
        told = await self._api(f"/playlists/{ident}", {"fields": "snapshot_id"})
        return text(told.get("snapshot_id")) or None

    async def _api(self, path: str, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
        parameters = dict(asked or {})
        if self.config.spotify_market:
            parameters["market"] = self.config.spotify_market
        url = (self.config.spotify_api_url or API) + path
        answer = await self._send("GET", url, params=parameters, headers=await self._bearer(False))
        if answer.status_code == 401 and not self.user_token:  # the token ended early
            answer = await self._send(
                "GET", url, params=parameters, headers=await self._bearer(True)
            )
        return judged(answer)

    async def whoami(self) -> dict[str, str]:
        """``id`` and ``name`` of the user whose token it is."""
        told = await self._api("/me")
        return {"id": str(told.get("id") or ""), "name": text(told.get("display_name"))}

    async def _bearer(self, fresh: bool) -> dict[str, str]:
        if self.user_token:
            return {"Authorization": f"Bearer {self.user_token}"}
        if not self._token or fresh or time.monotonic() >= self._good_until:
            pair = f"{self.config.spotify_client_id}:{self.config.spotify_client_secret}"
            basic = base64.b64encode(pair.encode()).decode()
            answer = await self._send(
                "POST",
                (self.config.spotify_accounts_url or ACCOUNTS) + "/api/token",
                data={"grant_type": "client_credentials"},
                headers={"Authorization": f"Basic {basic}"},
            )
            if answer.status_code in (400, 401):
                raise InputError(
                    "Spotify refuses the credentials: check the settings spotify_client_id and spotify_client_secret"
                )
            told = judged(answer)
            self._token = str(told.get("access_token") or "")
            # A minute early: it must not end on the way.
            self._good_until = time.monotonic() + float(told.get("expires_in") or 3600) - 60
        return {"Authorization": f"Bearer {self._token}"}

    async def _text(self, url: str) -> str:
        answer = await self._send("GET", url, headers={"Accept": "text/html"})
        _judge(answer)
        return answer.text

    async def _send(self, method: str, url: str, **more: Any) -> httpx.Response:
        try:
            return await self.http.request(method, url, timeout=PATIENCE, **more)
        except httpx.HTTPError as error:
            raise SfaError(f"Spotify does not answer: {type(error).__name__}") from error


def _judge(answer: httpx.Response) -> None:
    match answer.status_code:
        case 429:
            seconds = pause(answer.headers.get("retry-after", ""))
            raise Later(f"Spotify asks for a pause of {seconds:.0f} s", seconds)
        case 404 | 400:
            raise InputError("Spotify knows no such track, album or playlist")
        case 401 | 403:
            raise InputError(
                "Spotify does not show this without its owner's sign-in: sign in at Spotify on the page of the imports;"
                " Spotify's own playlists can't be read"
            )
        case status if status >= 300:
            raise SfaError(f"Spotify answered {status}; it may work later")


def pause(told: str) -> float:
    """Seconds of a Retry-After header, at least one; 30 where it says nothing that can be read."""
    try:
        return min(LONGEST, max(1.0, float(told)))
    except ValueError:
        return 30.0


def judged(answer: httpx.Response) -> dict[str, Any]:
    """The answer's JSON; `InputError`, `Later` or `SfaError` where there is none."""
    _judge(answer)
    return _json(answer)


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError as error:
        raise SfaError("Spotify's answer is not JSON") from error
    if not isinstance(told, dict):
        raise SfaError("Spotify's answer is not what it used to be")
    return told
