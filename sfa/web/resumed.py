"""Uploads that go on where they broke off: a file comes in pieces, each with the place where it begins.

The bytes lie in ``var/uploads`` beside the dashboard; how many there are is the file's length, so that nothing else
has to be remembered and a restart of the server loses nothing. What is not audio is refused with the first piece.
The whole is hashed, put into the store under its hash, and becomes a track with its first job.
Limits: one dashboard process a folder; an upload that nobody goes on with for two days is removed; a user has at most
100 on the way (``MOST``).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import anyio

from sfa.config import Config
from sfa.db import Database
from sfa.sniff import HEAD, audio_format
from sfa.web.failures import Unusable
from sfa.web.uploads import not_audio

MOST = 100
_locks: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)


class Misplaced(Unusable):
    """The piece does not begin where the file ends; ``offset`` is where that is."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"This file goes on at byte {offset}.", 409)
        self.offset = offset


def path_of(config: Config, upload: UUID) -> Path:
    """Where the bytes of an upload lie."""
    return config.var / "uploads" / f"{upload}.part"


def length(config: Config, upload: UUID) -> int:
    """How many bytes are here."""
    try:
        return path_of(config, upload).stat().st_size
    except FileNotFoundError:
        return 0


async def append(
    config: Config, upload: UUID, name: str, offset: int, total: int, chunks: AsyncIterator[bytes]
) -> int:
    """Write a piece; the file's length afterwards. Raises `Misplaced`, or `Unusable` for what is no audio or too long."""
    path = path_of(config, upload)
    await anyio.Path(path.parent).mkdir(parents=True, exist_ok=True)
    async with _locks[upload]:
        have = length(config, upload)
        if have != offset:
            raise Misplaced(have)
        async with await anyio.open_file(path, "ab") as file:
            async for chunk in chunks:
                if have + len(chunk) > total:
                    raise Unusable(f"“{name}” is longer than it said.", 400)
                await file.write(chunk)
                have += len(chunk)
        await asyncio.to_thread(_look, path, name, have >= total)
    return have


def _look(path: Path, name: str, whole: bool) -> None:
    with path.open("rb") as file:
        head = file.read(HEAD)
    if (whole or len(head) >= HEAD) and audio_format(head) is None:
        path.unlink()
        raise Unusable(not_audio(name, head), 415)


def key_of(path: Path) -> str:
    """The key of a whole file in the store: its hash and the format that its bytes are in. Blocks."""
    with path.open("rb") as file:
        suffix = audio_format(file.read(HEAD))
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"audio/{digest}.{suffix}"


def forget(config: Config, upload: UUID) -> None:
    """Remove the bytes."""
    _locks.pop(upload, None)
    path_of(config, upload).unlink(missing_ok=True)


async def expire(config: Config, database: Database) -> None:
    """Remove what nobody has gone on with."""
    async with database.session() as session:
        for row in await session.all("upload_expire"):
            forget(config, row["id"])
