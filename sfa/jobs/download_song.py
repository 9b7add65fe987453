"""Have spotdl find and fetch the recording of a track that Spotify names.

What the track is comes from its import, or is asked of Spotify where nobody imported it. ``audio_address`` is taken in
place of a search where somebody knows better, if the settings allow downloads from addresses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from sfa import spotdl
from sfa.db import Row
from sfa.errors import InputError
from sfa.jobs import download_link
from sfa.jobs.fetched import Fetched, by_port, left_by_port
from sfa.jobs.runner import Run
from sfa.spotify import Spotify


async def fetch(work: Run, kept: Path, share: float) -> Fetched:
    """The recording, tagged, with its cover; up to ``share`` percent of the job's progress."""
    row, config = work.row, work.resources.config
    kind, ident = row["spotify"]
    if kind != "track":
        raise InputError(f"this is the address of a {kind}: import it (INSERT INTO imports)")
    named: Mapping[str, str | None] = {}
    song = _song(row, ident)
    if not row["facts"]:
        work.progress(0, "asking Spotify what it is")
        song, named = await _asked(work, ident)
    given: dict[str, Any] = {}
    if address := row["audio_address"]:
        download_link.allowed(config)
        if spotdl.interpreter(config) is None:
            return await download_link.fetch(work, kept, share)
        given["address"] = address
    work.share = (0, share)
    answer = left_by_port(kept) or await work.call(
        "spotify_dl",
        "download",
        song=song,
        out=str(kept),
        providers=[name.strip() for name in config.audio_providers.split(",") if name.strip()],
        search=config.audio_search_url,
        max_bytes=config.upload_limit_mb * 1_000_000,
        private=config.download_private,
        ffmpeg=spotdl.ffmpeg() or "ffmpeg",
        **given,
    )
    found = by_port(kept, answer, song.get("duration_ms"))
    return replace(found, facts=named)


def cover_key(cover: Path | None) -> str | None:
    """The key that a cover is kept under; covers of one album are one object."""
    if cover is None:
        return None
    data = cover.read_bytes()
    ending = "png" if data.startswith(b"\x89PNG") else "jpg"
    return f"covers/{hashlib.sha256(data).hexdigest()}.{ending}"


def _song(row: Row, ident: str) -> dict[str, Any]:
    """What is known of the track."""
    facts: Mapping[str, Any] = row["facts"]
    return {
        **facts,
        "title": row["title"],
        "artists": facts.get("artists") or [name for name in [row["artist"]] if name],
        "album": row["album"],
        "duration_ms": row["told_ms"],
        "spotify_id": ident,
    }


async def _asked(work: Run, ident: str) -> tuple[dict[str, Any], Mapping[str, str | None]]:
    """What Spotify says of a track that nobody imported; it names the track, too."""
    async with httpx.AsyncClient(follow_redirects=False) as http:
        page = await Spotify(work.resources.config, http).page("track", ident)
    item = page.items[0]
    if item.reason:
        raise InputError(f"{item.title}: {item.reason}")
    song = {
        **item.facts,
        "title": item.title,
        "album": item.album,
        "duration_ms": item.duration_ms,
        "spotify_id": ident,
    }
    return song, {"title": item.title, "artist": item.artist, "album": item.album}
