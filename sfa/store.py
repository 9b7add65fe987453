"""Keep audio by key: in a local folder, or in an object store that several hosts share.

Keys are relative (``audio/<sha256>.mp3``, ``stems/<track>/<job>/vocals.wav``) and checked: no key leads out of the
store. A write shows up whole or not at all. The programs that read audio want files: `fetch` gives a local path,
which for a folder is the object itself and for anything else a copy in ``cache``.

Options:
    address: a folder, or what obstore knows: ``s3://bucket/prefix``, ``az://container/prefix``, ``memory://``
        (credentials from the environment, as those services' own tools read them).
    cache: folder for local copies of remote objects.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio.to_thread
import obstore
from obstore.store import ObjectStore, from_url

from sfa.errors import ObjectMissing, StoreError

_KEY = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9_.\-]*(/[A-Za-z0-9_-][A-Za-z0-9_.\-]*)*$")
CHUNK = 1 << 20
KEPT = "keep-"
KEPT_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """An object in the store: its key, its bytes, and how many seconds ago it was written."""

    key: str
    bytes: int
    age: float


def checked(key: str) -> str:
    """The key itself, if it can be one."""
    if not _KEY.fullmatch(key) or len(key) > 500:
        raise StoreError(
            f"{key!r} is not a key: letters, digits, '.', '_', '-' between single slashes"
        )
    return key


class Store:
    """Audio by key; see the module."""

    def __init__(self, address: str, cache: Path) -> None:
        self._cache = cache
        self._remote: ObjectStore | None = None
        self.root: Path | None = None
        if "://" in address and not address.startswith("file://"):
            try:
                self._remote = from_url(address)
            except Exception as error:
                raise StoreError(
                    f"the store address {address.split('?')[0]!r} is not usable: {error}"
                ) from error
        else:
            self.root = Path(address.removeprefix("file://")).expanduser().resolve()
            self.root.mkdir(parents=True, exist_ok=True)

    def local_path(self, key: str) -> Path | None:
        """Where the object lies on this host, or None if the store is remote."""
        return self.root / checked(key) if self.root else None

    async def size(self, key: str) -> int:
        """Bytes of the object; `ObjectMissing` if there is none."""
        try:
            if self._remote is not None:
                return (await obstore.head_async(self._remote, checked(key)))["size"]
            return self._path(key).stat().st_size
        except FileNotFoundError as error:
            raise ObjectMissing(f"there is no {key!r} in the store") from error

    async def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            await self.size(key)
        except ObjectMissing:
            return False
        return True

    async def put_stream(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Write the object from a stream; the number of bytes. If the stream fails, nothing is left."""
        staged = self._stage()
        try:
            size = 0
            with staged.open("wb") as file, _held(staged):
                async for chunk in chunks:
                    size += len(chunk)
                    await anyio.to_thread.run_sync(file.write, chunk)
                await anyio.to_thread.run_sync(_sync, file.fileno())
            await self.put_file(key, staged)
            return size
        finally:
            staged.unlink(missing_ok=True)

    async def put_file(self, key: str, path: Path) -> None:
        """Make the file the object; the file itself is moved away (or copied, from another file system)."""
        if self._remote is not None:
            await obstore.put_async(self._remote, checked(key), path)
            await anyio.to_thread.run_sync(path.unlink)
            return
        await anyio.to_thread.run_sync(self._adopt, checked(key), path)

    async def copy_file(self, key: str, path: Path) -> None:
        """Make a copy of the file the object; the file stays."""
        staged = self._stage()
        try:
            with _held(staged):
                await anyio.to_thread.run_sync(shutil.copyfile, path, staged)
            await self.put_file(key, staged)
        finally:
            staged.unlink(missing_ok=True)

    async def read_range(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """The object's bytes from ``start``, ``length`` of them, in pieces of at most 1 MiB."""
        end = await self.size(key)
        end = end if length is None else min(end, start + length)
        while start < end:
            upto = min(start + CHUNK, end)
            if self._remote is not None:
                yield bytes(
                    await obstore.get_range_async(self._remote, checked(key), start=start, end=upto)
                )
            else:
                yield await anyio.to_thread.run_sync(_read, self._path(key), start, upto - start)
            start = upto

    @asynccontextmanager
    async def fetch(self, key: str) -> AsyncIterator[Path]:
        """A local file with the object's content, good for as long as the context lasts. Do not write to it."""
        if self.root is not None:
            path = self._path(key)
            if not path.is_file():
                raise ObjectMissing(f"there is no {key!r} in the store")
            yield path
            return
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._cache) as made, _held(Path(made)) as folder:
            path = folder / key.rsplit("/", 1)[-1]
            with path.open("wb") as file:
                async for chunk in self.read_range(key):
                    await anyio.to_thread.run_sync(file.write, chunk)
            yield path

    async def delete(self, key: str) -> None:
        """Remove the object; nothing happens if there is none."""
        if self._remote is not None:
            try:
                await obstore.delete_async(self._remote, checked(key))
            except FileNotFoundError:
                return
        else:
            self._path(key).unlink(missing_ok=True)

    async def rename(self, key: str, to: str) -> None:
        """Give the object another key; `ObjectMissing` if there is none."""
        try:
            if self._remote is not None:
                await obstore.rename_async(self._remote, checked(key), checked(to))
                return
            target = self._path(to)
            target.parent.mkdir(parents=True, exist_ok=True)
            self._path(key).replace(target)
        except FileNotFoundError as error:
            raise ObjectMissing(f"there is no {key!r} in the store") from error

    async def listing(self) -> AsyncIterator[list[Entry]]:
        """Everything in the store, in pages, in no order; what is written meanwhile may be missing."""
        if self._remote is not None:
            now = datetime.now(UTC)
            async for listed in obstore.list(self._remote, chunk_size=1000):
                yield [
                    Entry(one["path"], one["size"], (now - one["last_modified"]).total_seconds())
                    for one in listed
                ]
            return
        pages = self._walk()
        while page := await anyio.to_thread.run_sync(_next, pages):
            yield page

    def _walk(self) -> Iterator[list[Entry]]:
        assert self.root is not None
        for folder, folders, names in os.walk(self.root):
            # Hidden folders are the store's own.
            folders[:] = [name for name in folders if not name.startswith(".")]
            page = []
            for name in names:
                path = Path(folder, name)
                key = path.relative_to(self.root).as_posix()
                with suppress(FileNotFoundError):
                    if _KEY.fullmatch(key):
                        facts = path.stat()
                        page.append(Entry(key, facts.st_size, time.time() - facts.st_mtime))
            if page:
                yield page

    def sweep(self) -> int:
        """Remove scratch folders and staged files that nobody holds (their process was killed); how many."""
        removed = 0
        # What is very young may not have been locked yet by whoever makes it.
        young = time.time() - 60
        for left in self._scratch_base().iterdir():
            old = young - KEPT_SECONDS if left.name.startswith(KEPT) else young
            if left.stat().st_mtime > old:
                continue
            handle = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)
                removed += 1
            except BlockingIOError:
                continue
            finally:
                os.close(handle)
        return removed

    def kept(self, name: str) -> Path:
        """A folder on this host that outlives whoever works in it; unused for a day, the next sweep removes it."""
        folder = self._scratch_base() / f"{KEPT}{checked(name)}"
        folder.mkdir(exist_ok=True)
        return folder

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator[Path]:
        """A fresh folder on the store's own file system (so that moving into it is free), removed afterwards."""
        base = self._scratch_base()
        with (
            tempfile.TemporaryDirectory(
                dir=base, prefix="job-", ignore_cleanup_errors=True
            ) as made,
            _held(Path(made)) as folder,
        ):
            yield folder

    def _path(self, key: str) -> Path:
        assert self.root is not None
        return self.root / checked(key)

    def _scratch_base(self) -> Path:
        base = self.root / ".scratch" if self.root else self._cache
        base.mkdir(parents=True, exist_ok=True)
        return base

    def _stage(self) -> Path:
        handle, name = tempfile.mkstemp(dir=self._scratch_base(), prefix="put-")
        os.close(handle)
        return Path(name)

    def _adopt(self, key: str, path: Path) -> None:
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.chmod(0o600)
        try:
            path.replace(target)
        except (
            OSError
        ):  # another file system: copy beside the target first, so that it still appears at once
            staged = self._stage()
            try:
                shutil.copyfile(path, staged)
                staged.replace(target)
            finally:
                staged.unlink(missing_ok=True)
            path.unlink(missing_ok=True)


@contextmanager
def _held(path: Path) -> Iterator[Path]:
    """Hold a lock on a scratch folder or file for as long as this process works in it; death lets go of it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield path
    finally:
        os.close(handle)


def _next(pages: Iterator[list[Entry]]) -> list[Entry]:
    return next(pages, [])


def _sync(handle: int) -> None:
    os.fsync(handle)


def _read(path: Path, start: int, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(length)
    except FileNotFoundError as error:
        raise ObjectMissing(f"there is no {path.name!r} in the store") from error
