"""Name what is taken away: Artist – Title (what it is).suffix, whatever letters it has."""

from __future__ import annotations

from urllib.parse import quote

from sfa.db import Row


def attachment(track: Row, what: str, suffix: str) -> dict[str, str]:
    """The header that makes a browser save the answer under a good name (RFC 6266)."""
    title = f"{track['artist']} – {track['title']}" if track["artist"] else track["title"]
    name = f"{title} ({what}).{suffix}"
    return {"content-disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}"}
