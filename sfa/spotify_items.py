"""Turn what the Web API says of tracks into items of a list; pure.

What can't be had (removed, a local file, an episode, not sold in this market) stays in the list with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

_NAMES = re.compile(
    r"spotify:|(https?://)?([^/?#@]*\.)?(spotify\.com|spotify\.link|spotify\.app\.link)/",
    re.IGNORECASE,
)
_ID = re.compile(r"[A-Za-z0-9]{22}")
_RESTRICTIONS = {
    "market": "it is not available in this market",
    "product": "it is not available with this kind of account",
    "explicit": "the account's settings hide explicit tracks",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One place of a list; ``reason``: why it can't be had. ``facts`` are what tags are made of."""

    position: int
    title: str
    spotify_id: str | None = None
    artist: str | None = None
    album: str | None = None
    duration_ms: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The row of the list, as SQL takes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Page:
    """Some items of a list, and the list's own facts where they are known; ``next``: where the next page begins."""

    items: tuple[Item, ...]
    next: int | None = None
    title: str | None = None
    artist: str | None = None
    total: int | None = None
    notice: str | None = None
    version: str | None = None
    """Which state of the list this is, where the source says so: a list that is changed gets another."""

    @classmethod
    def of_track(cls, item: Item) -> Page:
        """A track is a list of one."""
        return cls((item,), None, item.title, item.artist, 1)


def names_spotify(address: str) -> bool:
    """Whether an address is one of Spotify's, whatever it leads to."""
    return _NAMES.match(address.strip()) is not None


def text(value: object, limit: int = 500) -> str:
    """Text that a row can hold: no NUL, no line breaks, not endless."""
    return " ".join(str(value or "").replace("\0", "").split())[:limit]


def cover(images: object) -> str | None:
    """The address of the largest image."""
    found = (
        [i for i in images if isinstance(i, dict) and i.get("url")]
        if isinstance(images, list)
        else []
    )
    best = max(found, key=lambda i: i.get("width") or i.get("maxWidth") or 0, default=None)
    return str(best["url"]) if best else None


def api_item(
    position: int, track: Mapping[str, Any] | None, album: Mapping[str, Any] | None = None
) -> Item:
    """One track of the Web API; ``album`` where the track itself does not say."""
    if not track:
        return Item(position, "(removed)", reason="Spotify has removed it")
    title = text(track.get("name")) or "(without a name)"
    if track.get("type", "track") != "track":
        return Item(position, title, reason="it is an episode, not a track")
    if track.get("is_local"):
        return Item(position, title, reason="it is a file on its owner's own machine")
    ident = str(track.get("id") or "")
    if not _ID.fullmatch(ident):
        return Item(position, title, reason="Spotify has removed it")
    of = track.get("album") or album or {}
    artists = [text(a.get("name")) for a in track.get("artists") or [] if a and a.get("name")]
    length = track.get("duration_ms")
    reason = None
    if track.get("is_playable") is False or track.get("restrictions"):
        why = str((track.get("restrictions") or {}).get("reason") or "")
        reason = _RESTRICTIONS.get(why, "it is not available any more")
    elif track.get("available_markets") == []:
        reason = "it is not available in any market"
    facts = {
        "artists": artists,
        "album_artist": text(((of.get("artists") or [{}])[0] or {}).get("name")) or None,
        "album_id": of.get("id"),
        "track_number": track.get("track_number"),
        "tracks_count": of.get("total_tracks"),
        "disc_number": track.get("disc_number"),
        "date": of.get("release_date"),
        "isrc": (track.get("external_ids") or {}).get("isrc"),
        "explicit": track.get("explicit"),
        "cover_url": cover(of.get("images")),
    }
    return Item(
        position,
        title,
        ident,
        text(", ".join(artists)) or None,
        text(of.get("name")) or None,
        int(length) if isinstance(length, int | float) and length > 0 else None,
        {name: value for name, value in facts.items() if value not in (None, [])},
        reason,
    )


def items_of(kind: str, paging: Mapping[str, Any], whole: Mapping[str, Any], offset: int) -> Page:
    """A paging object of the Web API; ``whole`` is the list itself, empty where only the page was asked for."""
    entries = paging.get("items") or []
    items = tuple(
        api_item(offset + n, (e or {}).get("track") or (e or {}).get("item"))
        if kind == "playlist"
        else api_item(offset + n, e, whole)
        for n, e in enumerate(entries)
    )
    following = offset + len(entries)
    more = bool(paging.get("next")) and bool(entries)
    if kind == "playlist":
        owner = text((whole.get("owner") or {}).get("display_name"))
    else:
        owner = ", ".join(text(a.get("name")) for a in whole.get("artists") or [])
    total = paging.get("total")
    return Page(
        items,
        following if more else None,
        text(whole.get("name")) or None,
        owner or None,
        total if isinstance(total, int) else None,
        version=text(whole.get("snapshot_id")) or None,
    )
