"""Covers for many tracks: the job through a whole worker and the real port, against a host that keeps books."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import pytest

from tests.imports.audio_host import AudioHost, cover
from tests.imports.spotify import Spotify, ident
from tests.jobs.studio import Studio

pytestmark = pytest.mark.usefixtures("spotdl_python")

ENDED = "SELECT * FROM cover_jobs ORDER BY inserted_at DESC LIMIT 1"


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Width and height out of a JPEG's frame header."""
    at = 2
    while True:
        marker, length = jpeg[at + 1], struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        if marker in (0xC0, 0xC1, 0xC2):
            height, width = struct.unpack(">HH", jpeg[at + 5 : at + 9])
            return width, height
        at += 2 + length


async def tracks(studio: Studio, count: int) -> list[str]:
    rows = await (
        await studio.db.execute(
            "INSERT INTO tracks (title, spotify_id) SELECT 'Song ' || n, 't' || lpad(n::text, 21, '0')"
            " FROM generate_series(0, %s) n RETURNING id", [count - 1],
        )
    ).fetchall()  # fmt: skip
    return [str(row["id"]) for row in rows]


async def test_covers_of_many_are_fetched_sized_and_kept_and_the_dead_say_why(
    studio: Studio, spotify: Spotify, host: AudioHost
) -> None:
    spotify.cover = f"{host.url}/album.png"
    host.files = {"/album.png": cover(900), "/other.png": cover(80), "/text.png": b"no picture"}
    ids = await tracks(studio, 12)
    # What an import says of three of them: another picture, a page, and nothing that is there.
    await studio.db.execute(
        "INSERT INTO imports (address) VALUES (%s)", [f"spotify:playlist:{ident(1, 'p')}"]
    )
    for number, path in ((0, "/other.png"), (1, "/text.png"), (2, "/nowhere.png")):
        await studio.db.execute(
            "INSERT INTO import_items (import_id, position, spotify_id, title, facts, track_id)"
            " SELECT id, %s, %s, 'x', jsonb_build_object('cover_url', %s::text), %s FROM imports",
            [number, ident(number), host.url + path, ids[number]],
        )
    await studio.db.execute(
        "INSERT INTO cover_jobs (track_ids, size) VALUES (%s::uuid[], 300)", [ids]
    )
    async with studio.worker("download"):
        job = await studio.until(ENDED, expect=lambda row: row["finished_at"] is not None)
    assert (job["status"], job["error"]) == ("completed", None)
    assert job["result"]["found"] == 10
    reasons = {told["track"]: told["reason"] for told in job["result"]["failed"]}
    assert reasons == {ids[1]: "the address leads to no picture", ids[2]: "the server answered 404"}
    rows = await (
        await studio.db.execute("SELECT id, album_art_key FROM tracks ORDER BY spotify_id")
    ).fetchall()
    keys = [row["album_art_key"] for row in rows]
    assert keys[1] is None
    assert keys[2] is None
    assert len(set(keys[3:])) == 1
    store = Path(studio.config.store_address)
    assert size_of((store / keys[3]).read_bytes()) == (300, 300)
    assert size_of((store / keys[0]).read_bytes()) == (80, 80)
    assert len(host.asked["/album.png"]) == 1
    assert not list((store / ".scratch").iterdir())


async def test_an_imports_covers_are_one_job_and_private_addresses_are_refused(
    studio: Studio, spotify: Spotify, host: AudioHost
) -> None:
    studio.config = dataclasses.replace(studio.config, download_private=False)
    spotify.cover = f"{host.url}/album.png"
    host.files = {"/album.png": cover(80)}
    ids = await tracks(studio, 1)
    row = await studio.one(
        "INSERT INTO imports (address) VALUES (%s) RETURNING id", f"spotify:track:{ident(0)}"
    )
    await studio.db.execute(
        "INSERT INTO import_items (import_id, position, spotify_id, title, track_id) VALUES (%s, 0, %s, 'x', %s)",
        [row["id"], ident(0), ids[0]],
    )
    for _ in range(2):
        await studio.db.execute(
            "INSERT INTO cover_jobs (import_id) VALUES (%s)"
            " ON CONFLICT (import_id) WHERE finished_at IS NULL AND import_id IS NOT NULL DO NOTHING",
            [row["id"]],
        )
    assert (await studio.one("SELECT count(*) FROM cover_jobs"))["count"] == 1
    async with studio.worker("download"):
        job = await studio.until(ENDED, expect=lambda row: row["finished_at"] is not None)
    assert job["result"]["found"] == 0
    assert "private address" in job["result"]["failed"][0]["reason"]
    assert not host.asked
