"""Take a file on this machine in: check it, keep it, and make its track and its first job in one transaction.

Decides whether a file is audio by its first bytes; whether the rest can be decoded the analyzer finds out.
Limit: the same audio is kept once (its key is its hash), but each intake makes a track of its own.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import anyio.to_thread

from sfa.accounts import local_owner
from sfa.db import Database
from sfa.errors import InputError
from sfa.objects import pinned
from sfa.sniff import HEAD, audio_format
from sfa.store import Store


@dataclass(frozen=True, slots=True)
class Intake:
    """What was made of a file."""

    track: UUID
    title: str
    job: UUID
    user: int


def checked_format(path: Path) -> str:
    """The audio format of the file at `path`; an error says what is wrong with it."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: name one audio file")
        with path.open("rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
        ) from None
    if not head:
        raise InputError(f"{path} is empty")
    found = audio_format(head)
    if found is None:
        raise InputError(
            f"{path} is not audio, whatever its name says: give a wav, flac, mp3, ogg, opus, m4a, aac or aiff file"
        )
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def take_in(database: Database, store: Store, path: Path, title: str, model: str) -> Intake:
    """Keep the file, and make a track and a processing job that separates it with `model`."""
    found = checked_format(path)
    key = f"audio/{await anyio.to_thread.run_sync(_sha256, path)}.{found}"
    async with pinned(database, key):
        if not await store.exists(key):
            await store.copy_file(key, path)
        return await _enqueue(database, key, await store.size(key), title, model)


async def _enqueue(database: Database, key: str, size: int, title: str, model: str) -> Intake:
    async with database.transaction() as session:
        user = await local_owner(session)
        track = await session.one(
            "track_insert",
            user_id=user,
            title=title[:500],
            artist=None,
            audio_key=key,
            audio_bytes=size,
        )
        assert track is not None
        job = await session.one(
            "job_separate", track_id=track["id"], model=model, user_id=user, options="{}"
        )
        assert job is not None
    return Intake(track["id"], track["title"], job["id"], user)
