"""The same audio, model and parameters are separated once; deletes leave what others need."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sfa.db import Database
from sfa.jobs import resources
from sfa.jobs.resources import Resources
from sfa.objects import sweep
from sfa.store import Store
from tests.jobs.studio import Studio
from tests.jobs.test_worker import tone


async def separate(studio: Studio, track: str, **options: Any) -> str:
    row = await studio.one(
        "INSERT INTO processing_jobs (track_id, model, options) VALUES (%s, 'spectral', %s) RETURNING id",
        track,
        json.dumps(options),
    )
    return str(row["id"])


async def done(studio: Studio, count: int) -> None:
    row = await studio.until(
        "SELECT count(*) FILTER (WHERE status = 'completed') AS good, count(*) FILTER (WHERE status = 'failed') AS bad"
        " FROM processing_jobs", expect=lambda row: row["good"] + row["bad"] == count,
    )  # fmt: skip
    assert row["bad"] == 0


async def keys(studio: Studio, job: str) -> list[str]:
    rows = await (
        await studio.db.execute(
            "SELECT audio_key FROM stems WHERE processing_job_id = %s ORDER BY 1", [job]
        )
    ).fetchall()
    return [row["audio_key"] for row in rows]


async def test_another_users_same_file_is_linked_and_outlives_the_first(
    studio: Studio, database: Database
) -> None:
    first = await studio.track("song.wav", tone(3))
    other = await studio.one("INSERT INTO users (email) VALUES ('b@example.org') RETURNING id")
    second = await studio.one(
        "INSERT INTO tracks (title, audio_key, user_id) VALUES ('mine', 'audio/song.wav', %s) RETURNING id",
        other["id"],
    )
    async with studio.worker("processing"):
        one = await separate(studio, first)
        await done(studio, 1)
        two = await separate(studio, str(second["id"]))
        await done(studio, 2)
        fewer = await separate(studio, str(second["id"]), format="flac")
        await done(studio, 3)
    assert len(await keys(studio, one)) == 4
    assert await keys(studio, one) == await keys(studio, two)
    assert not set(await keys(studio, fewer)) & set(await keys(studio, one))
    rows = await (
        await studio.db.execute("SELECT id, result, recipe FROM processing_jobs")
    ).fetchall()
    linked = {str(row["id"]): row["result"].get("linked", False) for row in rows}
    assert linked == {one: False, two: True, fewer: False}
    # What it took is noted for the next estimate; a link took nothing.
    speed = await studio.one("SELECT * FROM separation_speeds")
    assert (speed["model"], speed["runs"]) == ("spectral", 2)
    (cost,) = await (
        await studio.db.execute("SELECT * FROM sfa_estimate(%s, 'spectral')", [first])
    ).fetchall()
    assert cost["measured"]
    assert cost["seconds"] > 0
    assert len({row["recipe"] for row in rows}) == 2
    # The first one's owner deletes the track: the other's stems stay.
    store = Store(studio.config.store_address, studio.config.var / "cache")
    await studio.db.execute("DELETE FROM tracks WHERE id = %s", [first])
    await sweep(database, store)
    assert all([await store.exists(key) for key in await keys(studio, two)])
    assert await store.exists("audio/song.wav")
    await studio.db.execute("DELETE FROM tracks")
    await sweep(database, store)
    assert not [path for path in Path(studio.config.store_address).rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("asked", "first"), [("auto", "cuda:0"), ("cuda", "cuda:0"), ("cpu", "cpu"), ("mps", "cpu")]
)
async def test_a_job_that_asks_for_a_device_goes_to_that_devices_pool(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, asked: str, first: str
) -> None:
    used: list[str] = []
    pool = Resources.pool

    async def spying(self: Resources, port: str, device: str = "cpu") -> Any:
        used.append(device)
        return await pool(self, port, device)

    monkeypatch.setattr(resources, "gpus", lambda: ["cuda:0", "cuda:1"])
    monkeypatch.setattr(Resources, "pool", spying)
    track = await studio.track("song.wav", tone(1))
    async with studio.worker("processing"):
        await separate(studio, track, device=asked)
        await done(studio, 1)
    assert used == [first]


async def test_two_at_the_same_time_separate_once(studio: Studio) -> None:
    tracks = [await studio.track("song.wav", tone(6)) for _ in range(2)]
    async with studio.worker("processing"):
        jobs = await asyncio.gather(*(separate(studio, track) for track in tracks))
        await done(studio, 2)
    assert await keys(studio, jobs[0]) == await keys(studio, jobs[1])
    rows = await (await studio.db.execute("SELECT result FROM processing_jobs")).fetchall()
    assert sorted("linked" in row["result"] for row in rows) == [False, True]
    assert (await studio.one("SELECT count(*) FROM separations"))["count"] == 0


async def test_stems_whose_files_are_gone_are_made_again(studio: Studio) -> None:
    track = await studio.track("song.wav", tone(3))
    async with studio.worker("processing"):
        one = await separate(studio, track)
        await done(studio, 1)
        (Path(studio.config.store_address) / (await keys(studio, one))[0]).unlink()
        two = await separate(studio, track)
        await done(studio, 2)
    assert not set(await keys(studio, one)) & set(await keys(studio, two))


@pytest.mark.parametrize("ended", [True, False])
async def test_whose_turn_it_is(studio: Studio, ended: bool) -> None:
    """A recipe belongs to the attempt that holds it as long as its lease lives."""
    track = await studio.track("song.wav", tone(0.1))
    job = await separate(studio, track)
    begin = "SELECT sfa_separation_begin('r', %s, %s) AS ours"
    mine, other = "1" * 8 + "-1111-1111-1111-" + "1" * 12, "2" * 8 + "-2222-2222-2222-" + "2" * 12
    await studio.db.execute(
        "INSERT INTO leases (job_id, token, worker_id, expires_at) SELECT queue_job_id, %s, 1, now() FROM processing_jobs",
        [mine],
    )
    assert (await studio.one(begin, job, mine))["ours"]
    assert (await studio.one(begin, job, mine))["ours"]
    if ended:
        await studio.db.execute("DELETE FROM leases")
    assert (await studio.one(begin, job, other))["ours"] is ended
