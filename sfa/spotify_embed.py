"""Read Spotify's public embed page: the JSON that its own player starts from; pure.

Limits: a list's first 100 tracks; of a list's tracks only title, artists and length are told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sfa.errors import InputError, SfaError
from sfa.spotify_items import Item, Page, cover, text

SHOWN = 100
_DATA = re.compile(r'<script id="__NEXT_DATA__"[^>]*>(.*?)</script>', re.DOTALL)
_URI = re.compile(r"spotify:(\w+):([A-Za-z0-9]{22})")


def parse_embed(kind: str, page: str) -> Page:
    """The page's list. `InputError`: there is no such thing; `SfaError`: the page is not what it used to be."""
    entity = _entity(page)
    images = (entity.get("visualIdentity") or {}).get("image") or (
        entity.get("coverArt") or {}
    ).get("sources")
    picture, name = cover(images), text(entity.get("name") or entity.get("title"))
    if kind == "track":
        return Page.of_track(_item(0, entity, picture))
    listed = entity.get("trackList")
    if not isinstance(listed, list):
        raise SfaError("Spotify's page is not what it used to be: it holds no list")
    album = name if kind == "album" else None
    items = tuple(
        _item(n, entry, picture if album else None, album) for n, entry in enumerate(listed)
    )
    notice = (
        f"Spotify's public page shows the first {SHOWN} tracks only; with the settings spotify_client_id and"
        " spotify_client_secret the whole list is read"
        if len(items) >= SHOWN
        else None
    )
    owner = text(entity.get("subtitle")) or None
    return Page(items, None, name or None, owner, len(items), notice)


def _entity(page: str) -> Mapping[str, Any]:
    found = _DATA.search(page)
    if not found:
        raise SfaError("Spotify's page is not what it used to be: it holds no data")
    try:
        data = json.loads(found[1])
        properties = data["props"]["pageProps"]
    except (ValueError, KeyError, TypeError) as error:
        raise SfaError("Spotify's page is not what it used to be") from error
    if properties.get("status") in (404, 400) or "state" not in properties:
        raise InputError("Spotify knows no such track, album or playlist")
    try:
        entity = properties["state"]["data"]["entity"]
    except (KeyError, TypeError) as error:
        raise SfaError("Spotify's page is not what it used to be") from error
    if not isinstance(entity, dict):
        raise SfaError("Spotify's page is not what it used to be")
    return entity


def _item(
    position: int, entry: Mapping[str, Any], picture: str | None, album: str | None = None
) -> Item:
    title = text(entry.get("title") or entry.get("name")) or "(without a name)"
    uri = _URI.fullmatch(str(entry.get("uri") or ""))
    if not uri or uri[1] != "track":
        return Item(position, title, reason="it is an episode or a local file, not a track")
    artists = [text(a.get("name")) for a in entry.get("artists") or [] if a.get("name")]
    artists = artists or [
        a for a in (text(p) for p in str(entry.get("subtitle") or "").split(",")) if a
    ]
    length = entry.get("duration")
    date = (entry.get("releaseDate") or {}).get("isoString")
    facts = {"artists": artists, "date": str(date)[:10] if date else None, "cover_url": picture}
    return Item(
        position,
        title,
        uri[2],
        ", ".join(artists) or None,
        album,
        int(length) if isinstance(length, int | float) and length > 0 else None,
        {name: value for name, value in facts.items() if value},
        None if entry.get("isPlayable", True) else "it is not available any more",
    )
