"""Take audio from a stream into the store: sniffed by its first bytes, hashed on the way, never whole in memory.

A file that is not audio is refused after its first 4 kB, whatever its name says. The same bytes are kept once:
the key is their sha256. Limit: the rest of the file is judged by the job that reads it, not here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import PurePosixPath

import anyio
from starlette.datastructures import UploadFile

from sfa.objects import pinned
from sfa.sniff import HEAD, audio_format
from sfa.web.failures import Unusable
from sfa.web.names import mark
from sfa.web.services import Services

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@asynccontextmanager
async def receive(
    at: Services, chunks: AsyncIterator[bytes], name: str, limit: int
) -> AsyncIterator[str]:
    """Store the stream; its key, which is kept until the context ends: name it in a row by then. Raises `Unusable` with 415 (not audio), 413 (too long) or 400 (empty)."""
    head = bytearray()
    async for chunk in chunks:
        head += chunk
        if len(head) >= HEAD:
            break
    if not head:
        raise Unusable(f"“{name}” is empty.", 400)
    suffix = audio_format(bytes(head[:HEAD]))
    if suffix is None:
        raise Unusable(not_audio(name, bytes(head[:HEAD])), 415)
    digest, total = hashlib.sha256(head), len(head)
    async with at.store.scratch() as folder:
        path = folder / "upload"
        async with await anyio.open_file(path, "wb") as file:
            await file.write(head)
            async for chunk in chunks:
                total += len(chunk)
                if total > limit:
                    raise Unusable(too_large(limit), 413)
                digest.update(chunk)
                await file.write(chunk)
        key = f"audio/{digest.hexdigest()}.{suffix}"
        async with pinned(at.database, key):
            await at.store.put_file(key, path)
            yield key


async def pieces(file: UploadFile) -> AsyncIterator[bytes]:
    """A file of a form as a stream."""
    while chunk := await file.read(1 << 20):
        yield chunk


def not_audio(name: str, head: bytes) -> str:
    """What to say of a file whose first bytes are no audio's."""
    return f"“{name}” is not audio: {_looks_like(head)}. Nothing was kept."


def too_large(limit: int) -> str:
    """What to say when a file passes the limit."""
    return f"That file is larger than the {limit // 1_000_000} MB that this server takes (upload_limit_mb)."


def titled(name: str) -> tuple[str, str | None]:
    """A title and an artist from a file's name: “Artist - Title.mp3” tells both."""
    stem = PurePosixPath(name.replace("\\", "/")).stem.replace("_", " ")
    stem = " ".join(_CONTROL.sub(" ", stem).split())[:500]
    artist, dash, title = stem.partition(" - ")
    if dash and artist.strip() and title.strip():
        return title.strip(), artist.strip()
    return stem or "Untitled", None


def _looks_like(head: bytes) -> str:
    for magic, what in (
        (b"%PDF", mark("a PDF")),
        (b"\x89PNG", mark("a picture")),
        (b"\xff\xd8\xff", mark("a picture")),
        (b"PK", mark("a zip archive")),
    ):
        if head.startswith(magic):
            return f"it begins like {what}"
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        # A character may have been cut in two at the end of what we looked at.
        if error.start < len(head) - 4:
            return "its first bytes belong to no format that SFA reads"
        text = head[: error.start].decode()
    if text.isprintable() or all(c.isprintable() or c.isspace() for c in text):
        return "it begins like text"
    return "its first bytes belong to no format that SFA reads"
