"""Take the cover out of an audio file's tags, whatever its format calls it."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

import mutagen
from mutagen.flac import Picture


def picture_of(path: Path) -> bytes | None:
    """The first picture's bytes (JPEG, PNG, …), if the file has one that begins like a picture."""
    try:
        file = mutagen.File(path)
    except mutagen.MutagenError:
        return None
    for data in _pictures(file):
        if data[:3] == b"\xff\xd8\xff" or data[:8] == b"\x89PNG\r\n\x1a\n":
            return data
    return None


def _pictures(file: Any) -> list[bytes]:
    if file is None:
        return []
    found = [bytes(picture.data) for picture in getattr(file, "pictures", ())]
    tags = file.tags or {}
    for coded in tags.get("metadata_block_picture", ()) if hasattr(tags, "get") else ():
        try:
            found.append(bytes(Picture(base64.b64decode(coded)).data))
        except (binascii.Error, mutagen.MutagenError):
            continue
    found += [bytes(frame.data) for frame in (tags.getall("APIC") if hasattr(tags, "getall") else ())]  # fmt: skip
    found += [bytes(cover) for cover in (tags.get("covr", ()) if hasattr(tags, "get") else ())]
    return found
