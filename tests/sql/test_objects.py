"""Who needs an object of the store: what is needed is never removed, whoever else is at work at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from sfa import objects
from sfa.db import Database
from sfa.intake import take_in
from sfa.objects import pinned, sweep
from sfa.store import Store
from tests.children import music

KEY = "audio/a.wav"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"), tmp_path / "cache")


@pytest.fixture
async def sql(dsn: str) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        yield connection


def put(store: Store, key: str = KEY) -> Path:
    path = store.local_path(key)
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"audio")
    return path


async def test_an_object_goes_with_the_last_row_that_names_it(
    database: Database, store: Store, sql: psycopg.AsyncConnection
) -> None:
    path = put(store)
    await sql.execute(
        "INSERT INTO tracks (title, audio_key) VALUES ('a', %s), ('b', %s)", (KEY, KEY)
    )
    await sql.execute("DELETE FROM tracks WHERE title = 'a'")
    assert await sweep(database, store, [KEY]) == 0
    assert path.exists()
    await sql.execute("DELETE FROM tracks")
    assert await sweep(database, store) == 1
    assert not path.exists()
    assert await sweep(database, store) == 0


async def test_a_pin_keeps_what_no_row_names_yet(
    database: Database, store: Store, sql: psycopg.AsyncConnection
) -> None:
    path = put(store)
    async with pinned(database, KEY):
        assert await sweep(database, store) == 0
        assert path.exists()
        # A pin whose holder was killed does not keep it for ever.
        await sql.execute("UPDATE object_pins SET until = now() - interval '1 second'")
        assert await sweep(database, store) == 1
    assert not path.exists()


async def test_a_row_that_is_being_written_is_not_overlooked(
    database: Database, store: Store, dsn: str, sql: psycopg.AsyncConnection
) -> None:
    path = put(store)
    await sql.execute("INSERT INTO objects (key) VALUES (%s)", [KEY])
    async with await psycopg.AsyncConnection.connect(dsn) as other:
        await other.execute("INSERT INTO tracks (title, audio_key) VALUES ('a', %s)", [KEY])
        assert await sweep(database, store) == 0
        await other.commit()
    assert await sweep(database, store) == 0
    assert path.exists()


async def test_the_same_file_uploaded_while_its_track_is_deleted_keeps_its_audio(
    database: Database, store: Store, tmp_path: Path, sql: psycopg.AsyncConnection
) -> None:
    """The deleter has locked the key and is about to remove the file when the upload arrives."""
    song = music.write(tmp_path / "song.wav", music.silence(0.5))
    first = await take_in(database, store, song, "first", "spectral")
    await sql.execute("DELETE FROM tracks WHERE id = %s", [first.track])
    async with database.transaction() as session:
        (row,) = await session.all("object_unused", keys=None, size=10)
        upload = asyncio.create_task(take_in(database, store, song, "second", "spectral"))
        # The upload waits for the deleter: it must not find the file that is about to go.
        assert (await asyncio.wait([upload], timeout=0.5))[1]
        await store.delete(row["key"])
        await session.run("object_gone", keys=[row["key"]])
    await upload
    assert await store.exists(row["key"])
    assert await sweep(database, store) == 0


async def test_many_at_once_lose_nothing(
    database: Database, store: Store, tmp_path: Path, sql: psycopg.AsyncConnection
) -> None:
    song = music.write(tmp_path / "song.wav", music.silence(0.1))

    async def come_and_go(number: int) -> None:
        for _ in range(8):
            made = await take_in(database, store, song, str(number), "spectral")
            async with database.session() as session:
                gone = await session.one("track_delete", id=made.track, user_id=made.user)
            assert gone is not None
            await sweep(database, store, gone["keys"])

    await asyncio.gather(*(come_and_go(number) for number in range(4)))
    kept = await take_in(database, store, song, "kept", "spectral")
    await sweep(database, store)
    row = await (
        await sql.execute("SELECT audio_key FROM tracks WHERE id = %s", [kept.track])
    ).fetchone()
    assert row is not None
    assert await store.exists(row[0])


async def test_pins_of_one_token_go_together(
    database: Database, store: Store, sql: psycopg.AsyncConnection
) -> None:
    mine, other = uuid4(), uuid4()
    async with database.session() as session:
        await objects.pin(session, ["a/1", "a/2"], mine)
        await objects.pin(session, ["a/1"], other)
        await objects.unpin(session, mine)
    assert await sweep(database, store) == 1
    rows = await (await sql.execute("SELECT key FROM objects")).fetchall()
    assert rows == [("a/1",)]
