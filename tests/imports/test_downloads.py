"""Downloads of Spotify's tracks through whole workers and spotdl's own code, against the stand-ins."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.imports.audio_host import AudioHost, cover, sound
from tests.imports.spotify import Spotify, ident
from tests.jobs.studio import Studio

SECONDS = 8

pytestmark = pytest.mark.usefixtures("spotdl_python")


def found_at(
    host: AudioHost, path: str, number: int = 1, duration: float = SECONDS
) -> dict[str, Any]:
    return {
        "url": f"{host.url}{path}", "name": f"Song {number}", "artists": ["The Testers", "A Guest"],
        "duration": duration, "verified": True,
    }  # fmt: skip


async def fetch(studio: Studio, number: int = 1, **more: str) -> dict[str, Any]:
    columns = {
        "address": f"https://open.spotify.com/track/{ident(number)}",
        "then_model": "spectral",
        **more,
    }
    row = await studio.one(
        f"INSERT INTO download_jobs ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) RETURNING track_id",
        *columns.values(),
    )
    return await studio.ended(str(row["track_id"]), "download")


async def test_a_spotify_address_is_named_found_fetched_decoded_and_separated_next(
    studio: Studio, spotify: Spotify, host: AudioHost
) -> None:
    spotify.seconds, spotify.cover = SECONDS, f"{host.url}/c.png"
    host.files = {"/a": sound(SECONDS), "/c.png": cover()}
    host.results = [found_at(host, "/a")]
    async with studio.worker("download"):
        job = await fetch(studio)
        assert (job["status"], job["error"]) == ("completed", None)
        track = await studio.one("SELECT * FROM tracks")
        # A second one of the same album: its cover is the same object.
        host.files["/b"] = sound(SECONDS, pitch=300)
        host.results = [found_at(host, "/b", 2)]
        assert (await fetch(studio, 2))["status"] == "completed"
    assert (track["title"], track["artist"], track["album"]) == (
        "Song 1",
        "The Testers, A Guest",
        "An Album",
    )
    assert (track["spotify_id"], track["source"]) == (ident(1), "spotify")
    assert abs(track["duration_ms"] - 1000 * SECONDS) < 100
    store = Path(studio.config.store_address)
    assert (store / track["audio_key"]).stat().st_size > 10_000
    assert (store / track["album_art_key"]).read_bytes() == cover()
    assert (await studio.one("SELECT count(DISTINCT album_art_key) FROM tracks"))["count"] == 1
    assert (await studio.one("SELECT count(*) FROM processing_jobs WHERE model = 'spectral'"))[
        "count"
    ] == 2
    # Nothing is left of the work.
    assert not list((store / ".scratch").iterdir())
    await studio.db.execute("DELETE FROM tracks WHERE id = %s", [track["id"]])
    assert (await studio.one("SELECT sfa_object_needed(%s) AS needed", track["album_art_key"]))[
        "needed"
    ]


async def test_another_length_is_another_recording(
    studio: Studio, spotify: Spotify, host: AudioHost
) -> None:
    spotify.seconds = SECONDS
    # It says that it is as long as the song: only decoding tells.
    host.files = {"/lies": sound(SECONDS + 12)}
    host.results = [found_at(host, "/lies")]
    async with studio.worker("download"):
        job = await fetch(studio)
        assert (job["status"], job["error_kind"], job["attempt"]) == ("failed", "input", 1)
        assert "20 s long" in str(job["error"])
        assert "audio_address" in str(job["error"])
    assert (await studio.one("SELECT audio_key FROM tracks"))["audio_key"] is None
    assert (await studio.one("SELECT count(*) FROM objects"))["count"] == 0


async def test_an_audio_address_is_taken_where_the_settings_allow_it(
    studio: Studio, spotify: Spotify, host: AudioHost
) -> None:
    spotify.seconds = SECONDS
    host.files = {"/a.mp3": sound(SECONDS, "MP3")}
    async with studio.worker("download"):
        job = await fetch(studio, audio_address=f"{host.url}/a.mp3")
        assert job["status"] == "failed"
        assert "download_http" in str(job["error"])
        assert not host.asked
    studio.config = dataclasses.replace(studio.config, download_http=True)
    async with studio.worker("download"):
        assert (await fetch(studio, audio_address=f"{host.url}/a.mp3"))["status"] == "completed"
    assert not host.searches


async def test_without_spotdls_environment_it_says_what_to_do(
    studio: Studio, spotify: Spotify
) -> None:
    studio.config = dataclasses.replace(studio.config, spotdl_python="/nowhere/python")
    async with studio.worker("download"):
        job = await fetch(studio)
    assert (job["status"], job["error_kind"]) == ("failed", "input")
    assert "bin/setup" in str(job["error"])


async def test_an_album_is_no_download(studio: Studio) -> None:
    import psycopg

    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        await studio.db.execute(
            "INSERT INTO download_jobs (address) VALUES (%s)", [f"spotify:album:{ident(1)}"]
        )
    assert caught.value.diag.constraint_name == "download_jobs_one_track"


async def test_a_page_that_yt_dlp_knows_names_itself_and_needs_its_own_setting(
    studio: Studio, host: AudioHost
) -> None:
    host.files = {"/A tune of mine.mp3": sound(SECONDS, "MP3")}
    studio.config = dataclasses.replace(studio.config, download_sites=True)
    async with studio.worker("download"):
        row = await studio.one(
            "INSERT INTO download_jobs (address, then_model) VALUES (%s, NULL) RETURNING track_id",
            f"{host.url}/A%20tune%20of%20mine.mp3",
        )
        job = await studio.ended(str(row["track_id"]), "download")
    assert (job["status"], job["error"]) == ("completed", None)
    track = await studio.one("SELECT title, audio_key FROM tracks")
    assert track["title"] == "A tune of mine"
    assert (await studio.one("SELECT count(*) FROM processing_jobs"))["count"] == 0
