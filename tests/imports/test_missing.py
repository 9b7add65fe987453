"""Files that have gone from the store: found on use and by looking, offered for download again, and really fetched."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sfa import files
from sfa.db import Database
from sfa.store import Store
from tests.imports.audio_host import AudioHost, sound
from tests.imports.spotify import ident
from tests.jobs.studio import Studio

LISTED = """INSERT INTO import_items (import_id, position, spotify_id, title, status, track_id)
SELECT id, 0, %s, 'Song', 'linked', %s FROM imports"""


async def test_a_file_that_has_gone_is_found_on_use_and_downloaded_again(
    studio: Studio, host: AudioHost
) -> None:
    studio.config = dataclasses.replace(studio.config, download_http=True)
    host.files = {"/a.wav": sound(5)}
    row = await studio.one(
        "INSERT INTO download_jobs (address, then_model) VALUES (%s, NULL) RETURNING track_id",
        f"{host.url}/a.wav",
    )
    track = str(row["track_id"])
    async with studio.worker("download"), studio.worker("analysis"):
        assert (await studio.ended(track, "download"))["status"] == "completed"
        key = (await studio.one("SELECT audio_key FROM tracks"))["audio_key"]
        file = Path(studio.config.store_address) / key
        file.unlink()
        await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
        assert (await studio.ended(track, "analysis"))["status"] == "failed"
        assert not (await studio.one("SELECT sfa_has_audio(id, audio_key) AS there FROM tracks"))[
            "there"
        ]
        again = await studio.one("SELECT sfa_download_again(%s) AS job", track)
        assert (await studio.one("SELECT sfa_download_again(%s) AS job", track)) == again
        await studio.until(
            "SELECT status FROM download_jobs WHERE id = %s",
            again["job"],
            expect=lambda job: job["status"] == "completed",
        )
        assert file.exists()
        # Whoever looks next sees that it is back.
        await studio.db.execute("UPDATE track_files SET looked_at = now() - interval '2 days'")
        database = Database(studio.config.database_url)
        await database.open()
        try:
            store = Store(studio.config.store_address, studio.config.var / "cache")
            assert await files.look(database, store) == 0
        finally:
            await database.close()
    assert (await studio.one("SELECT sfa_has_audio(id, audio_key) AS there FROM tracks"))["there"]


async def test_looking_finds_what_has_gone_and_an_import_offers_it_again(
    database: Database, studio: Studio, tmp_path: Path
) -> None:
    store = Store(studio.config.store_address, tmp_path / "cache")
    kept = await studio.track("kept.wav", lambda path: path.write_bytes(b"x"))
    gone = await studio.track("gone.wav", lambda path: path.write_bytes(b"x"))
    await studio.db.execute("UPDATE tracks SET spotify_id = %s WHERE id = %s", [ident(1), gone])
    await studio.db.execute(
        "INSERT INTO imports (address) VALUES (%s)", [f"spotify:track:{ident(1)}"]
    )
    await studio.db.execute(LISTED, [ident(1), gone])
    (Path(studio.config.store_address) / "audio/gone.wav").unlink()
    await studio.db.execute("UPDATE tracks SET audio_bytes = 99 WHERE id = %s", [gone])
    assert await files.look(database, store) == 1
    sizes = await (await studio.db.execute("SELECT id::text, audio_bytes FROM tracks")).fetchall()
    assert {row["id"]: row["audio_bytes"] for row in sizes} == {kept: 1, gone: None}
    assert await files.look(database, store) == 0  # each is looked for once a day
    row = await studio.one("SELECT track_id FROM track_files WHERE missing_since IS NOT NULL")
    assert str(row["track_id"]) == gone
    assert (await studio.one("SELECT sfa_download_again(%s) AS job", kept))["job"] is None
    assert (await studio.one("SELECT status FROM sfa_import_items"))["status"] == "missing"
    assert (await studio.one("SELECT sfa_import_choose(id, '{0}') AS n FROM imports"))["n"] == 1
    assert (await studio.one("SELECT status FROM sfa_import_items"))["status"] == "waiting"


async def test_a_store_that_is_away_costs_nothing(
    database: Database, studio: Studio, tmp_path: Path
) -> None:
    for n in range(20):
        await studio.track(f"{n}.wav", lambda path: path.write_bytes(b"x"))
    nowhere = Store(str(tmp_path / "not-mounted"), tmp_path / "cache")
    assert await files.look(database, nowhere) == 0
    assert (await studio.one("SELECT count(*) FROM track_files"))["count"] == 0
    assert (await studio.one("SELECT count(*) FROM tracks WHERE audio_key IS NOT NULL"))[
        "count"
    ] == 20
