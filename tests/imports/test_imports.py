"""Imports by one INSERT, against the stand-in for Spotify, through whole workers."""

from __future__ import annotations

import dataclasses
from typing import Any

import psycopg
import pytest

from tests.imports.spotify import Spotify, ident
from tests.jobs.studio import Studio

PLAYLIST = f"https://open.spotify.com/intl-de/playlist/{ident(1, 'p')}?si=abc"


async def begin(studio: Studio, address: str, choose: bool = False) -> str:
    row = await studio.one(
        "INSERT INTO imports (address, choose) VALUES (%s, %s) RETURNING id", address, choose
    )
    return str(row["id"])


async def listed(studio: Studio, which: str) -> dict[str, Any]:
    return await studio.until(
        "SELECT * FROM sfa_imports WHERE id = %s", which,
        expect=lambda row: row["finished_at"] is not None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        (f"https://open.spotify.com/track/{ident(1)}", "track"),
        (f"HTTP://OPEN.spotify.com/intl-pt/album/{ident(1)}/?si=x&y=z#t", "album"),
        (f" open.spotify.com/user/some.body/playlist/{ident(1)} ", "playlist"),
        (f"https://open.spotify.com/embed/track/{ident(1)}", "track"),
        (f"spotify:track:{ident(1)}", "track"),
        (f"spotify:user:me:playlist:{ident(1)}", "playlist"),
    ],
)
async def test_every_form_of_address_is_understood(studio: Studio, address: str, kind: str) -> None:
    which = await begin(studio, address)
    row = await studio.one("SELECT kind, spotify_id FROM imports WHERE id = %s", which)
    assert row == {"kind": kind, "spotify_id": ident(1)}


@pytest.mark.parametrize(
    "address",
    ["https://open.spotify.com/artist/" + ident(1), "spotify:track:short", "https://example.com/x.mp3", "",
     "https://evil.example/open.spotify.com/track/" + ident(1), f"https://open.spotify.com/track/{ident(1)}x"],
)  # fmt: skip
async def test_anything_else_is_refused_with_the_rule_and_what_to_do(
    studio: Studio, address: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        await begin(studio, address)
    assert caught.value.diag.constraint_name == "imports_address_form"
    assert caught.value.diag.message_hint


async def test_a_playlist_of_120_is_paged_to_its_end_and_dead_tracks_say_why(
    studio: Studio, spotify: Spotify
) -> None:
    spotify.playlist[10] = None
    gone = spotify.playlist[60]
    local = spotify.playlist[119]
    assert gone
    assert local
    gone |= {"is_playable": False, "restrictions": {"reason": "market"}}
    local |= {"is_local": True}
    await studio.db.execute(
        "INSERT INTO tracks (title, spotify_id, audio_key) VALUES ('mine', %s, 'audio/a.wav')",
        [ident(5)],
    )
    async with studio.worker("default"):
        which = await begin(studio, PLAYLIST)
        row = await listed(studio, which)
    assert (row["status"], row["title"], row["artist"]) == ("completed", "A list", "Somebody")
    counts = [row[name] for name in ("total", "listed", "found", "linked", "waiting", "failed")]
    assert counts == [120, 120, 0, 1, 116, 3]
    reasons = await (
        await studio.db.execute("SELECT reason FROM sfa_import_items WHERE status = 'failed'")
    ).fetchall()
    assert all(reason["reason"] for reason in reasons)
    assert (await studio.one("SELECT count(*) FROM tracks"))["count"] == 117
    assert (await studio.one("SELECT count(*) FROM download_jobs"))["count"] == 116


async def test_a_choice_is_waited_for_and_choosing_twice_is_choosing_once(studio: Studio) -> None:
    async with studio.worker("default"):
        which = await begin(studio, PLAYLIST, choose=True)
        assert (await listed(studio, which))["found"] == 120
    for expected in (2, 0):
        row = await studio.one("SELECT sfa_import_choose(%s, '{3,4}') AS n", which)
        assert row["n"] == expected
    row = await studio.one("SELECT * FROM sfa_imports WHERE id = %s", which)
    assert (row["found"], row["waiting"]) == (118, 2)


async def test_a_pause_that_is_asked_for_puts_the_job_off_and_costs_no_attempt(
    studio: Studio, spotify: Spotify
) -> None:
    spotify.busy, spotify.retry_after = 1, "3600"
    async with studio.worker("default"):
        which = await begin(studio, PLAYLIST)
        row = await studio.until(
            "SELECT *, scheduled_at > now() + interval '50 minutes' AS later FROM imports WHERE id = %s", which,
            expect=lambda row: row["status"] == "retrying",
        )  # fmt: skip
        assert (row["later"], row["next_offset"]) == (True, 50)
        assert "3600 s" in row["error"]
        await studio.db.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE task_name = 'import'"
        )
        row = await listed(studio, which)
    assert (row["status"], row["listed"]) == ("completed", 120)
    # It went on where it had stopped: the first page was asked for once.
    assert spotify.books[f"/playlists/{ident(1, 'p')}"] == 1
    attempts = await studio.one(
        "SELECT attempts FROM procrastinate_jobs WHERE task_name = 'import'"
    )
    assert attempts["attempts"] == 1


async def test_an_import_that_lost_its_worker_goes_on_and_lists_nothing_twice(
    studio: Studio, spotify: Spotify
) -> None:
    spotify.hold.clear()
    which = await begin(studio, PLAYLIST)
    async with studio.worker("default"):
        await studio.until(
            "SELECT next_offset FROM imports WHERE id = %s", which,
            expect=lambda row: row["next_offset"] == 50,
        )  # fmt: skip
        # What a presumed-dead worker's job goes through: its lease is taken away.
        await studio.db.execute("SELECT sfa_finish_v1(job_id, token, 'lost', 'gone', 'crash', NULL, interval '0') FROM leases")  # fmt: skip
        spotify.hold.set()
        row = await listed(studio, which)
    assert (row["status"], row["listed"], row["waiting"]) == ("completed", 120, 120)
    assert (await studio.one("SELECT count(*) FROM download_jobs"))["count"] == 120
    assert spotify.books[f"/playlists/{ident(1, 'p')}"] == 1


async def test_without_credentials_the_public_page_is_read(
    studio: Studio, spotify: Spotify
) -> None:
    studio.config = dataclasses.replace(
        studio.config, spotify_client_id="", spotify_client_secret=""
    )
    async with studio.worker("default"):
        which = await begin(studio, PLAYLIST, choose=True)
        row = await listed(studio, which)
    assert (row["status"], row["title"], row["found"], row["failed"]) == (
        "completed",
        "A list",
        2,
        1,
    )
    item = await studio.one("SELECT artist, facts FROM import_items WHERE position = 0")
    assert item["artist"] == "The Testers, A Guest"
    assert "/api/token" not in spotify.books


async def test_what_is_not_there_fails_at_once(studio: Studio) -> None:
    async with studio.worker("default"):
        which = await begin(studio, f"spotify:playlist:{ident(9, 'p')}")
        row = await listed(studio, which)
    assert row["status"] == "failed"
    assert "knows no such" in row["error"]


async def test_an_album_is_paged_and_its_tracks_know_their_album(
    studio: Studio, spotify: Spotify
) -> None:
    async with studio.worker("default"):
        which = await begin(studio, f"spotify:album:{ident(1)}", choose=True)
        row = await listed(studio, which)
    assert (row["status"], row["title"], row["artist"], row["found"]) == (
        "completed",
        "An Album",
        "The Testers",
        120,
    )
    item = await studio.one("SELECT album, facts FROM import_items WHERE position = 110")
    assert item["album"] == "An Album"
    assert (item["facts"]["date"], item["facts"]["album_artist"]) == ("2024-05-06", "The Testers")
    assert item["facts"]["isrc"] == "XX0000000110"


async def test_a_token_that_ends_early_is_asked_for_again(studio: Studio, spotify: Spotify) -> None:
    spotify.expired = 1
    async with studio.worker("default"):
        row = await listed(studio, await begin(studio, f"spotify:track:{ident(1)}", choose=True))
    assert (row["status"], row["found"]) == ("completed", 1)
    assert spotify.books["/api/token"] == 2


async def test_a_playlist_that_changes_while_it_is_read_is_read_afresh_and_misses_nothing(
    studio: Studio, spotify: Spotify
) -> None:
    spotify.changes = 1
    async with studio.worker("default"):
        row = await listed(studio, await begin(studio, PLAYLIST, choose=True))
    assert (row["status"], row["listed"], row["notice"]) == ("completed", 119, None)
    rows = await (
        await studio.db.execute("SELECT spotify_id FROM import_items ORDER BY position")
    ).fetchall()
    assert [found["spotify_id"] for found in rows] == [ident(n) for n in range(1, 120)]


async def test_a_playlist_that_never_rests_says_so(studio: Studio, spotify: Spotify) -> None:
    spotify.changes = 9
    async with studio.worker("default"):
        row = await listed(studio, await begin(studio, PLAYLIST, choose=True))
    assert row["status"] == "completed"
    assert "once more" in row["notice"]
    assert spotify.changes == 6
