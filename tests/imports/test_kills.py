"""kill -9 of the download worker at every step: nothing is fetched twice, the hosts' books are the judge."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.imports.audio_host import AudioHost, cover, sound
from tests.imports.spotify import Spotify, ident
from tests.jobs.studio import DEADLINE, Studio

SECONDS = 30
STEPS = ("fetched", "decoded", "pinned", "kept", "recording", "committed")
# A worker that ends itself, as kill -9 would, at the step that DIE_AT names.
PROGRAM = """
import os, signal, sys
from sfa import cli, db, store
from sfa.jobs import download, runner
from sfa.queue import attempt

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def around(owner, name, step, before=False, only=lambda *words: True):
    inner = getattr(owner, name)
    async def outer(*words, **named):
        if before and only(*words):
            die()
        result = await inner(*words, **named)
        if only(*words):
            die()
        return result
    if os.environ.get("DIE_AT") == step:
        setattr(owner, name, outer)

around(download, "_decode", "fetched", before=True)
around(download, "_decode", "decoded")
around(runner.Run, "pin", "pinned")
around(store.Store, "copy_file", "kept")
around(db.Session, "run", "recording", only=lambda session, name, *rest: name == "result_download")
around(attempt.Attempt, "finish", "committed")
sys.exit(cli.main(["worker", "download"]))
"""


async def begin(studio: Studio, die_at: str = "") -> asyncio.subprocess.Process:
    env = {
        **os.environ, "SFA_VAR": str(studio.config.var), "DATABASE_URL": studio.config.database_url, "DIE_AT": die_at,
    }  # fmt: skip
    # What its predecessor's death put off is due now.
    await studio.db.execute(
        "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'"
    )
    with (studio.config.var / "worker.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, env=env, stderr=log
        )


async def died(studio: Studio, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(2 * DEADLINE):
        code = await process.wait()
    assert code == -signal.SIGKILL, (studio.config.var / "worker.log").read_text()[-3000:]


async def ended(studio: Studio, track: str) -> dict[str, Any]:
    process = await begin(studio)
    try:
        return await studio.ended(track, "download")
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture(autouse=True)
async def patient(studio: Studio) -> None:
    """More deaths than one job may have."""
    await studio.db.execute("UPDATE job_kinds SET max_crashes = 50")


@pytest.mark.usefixtures("spotdl_python")
async def test_a_song_is_fetched_once_whenever_the_worker_dies(
    studio: Studio, spotify: Spotify, host: AudioHost
) -> None:
    spotify.seconds, spotify.cover = SECONDS, f"{host.url}/c.png"
    host.files = {"/slow": sound(SECONDS), "/c.png": cover()}
    host.results = [
        {
            "url": f"{host.url}/slow",
            "name": "Song 1",
            "artists": ["The Testers", "A Guest"],
            "duration": SECONDS,
        }
    ]
    size = len(host.files["/slow"])
    row = await studio.one(
        "INSERT INTO download_jobs (address, then_model) VALUES (%s, 'spectral') RETURNING track_id",
        f"spotify:track:{ident(1)}",
    )
    track = str(row["track_id"])
    process = await begin(studio)
    await asyncio.to_thread(host.reached.wait, 2 * DEADLINE)
    assert host.reached.is_set()
    async with asyncio.timeout(DEADLINE):
        while not (part := _part(studio)):
            await asyncio.sleep(0.05)
    process.kill()
    await process.wait()
    part = _part(studio)
    host.gate.set()
    before = len(host.asked["/slow"])
    await died(studio, await begin(studio, "fetched"))
    # It went on where it was: the rest was asked for, and no more.
    resumed = [ranged for ranged in host.asked["/slow"][before:] if ranged]
    assert resumed == [f"bytes={part}-"]
    asked, taken = len(host.asked["/slow"]), host.sent["/slow"]
    assert taken < 1.3 * size
    for step in STEPS[1:]:
        await died(studio, await begin(studio, step))
    job = await ended(studio, track)
    assert (job["status"], job["error"]) == ("completed", None)
    assert (len(host.asked["/slow"]), host.sent["/slow"], len(host.asked["/c.png"])) == (
        asked,
        taken,
        1,
    )
    assert (await studio.one("SELECT count(*) FROM processing_jobs"))["count"] == 1
    key = (await studio.one("SELECT audio_key FROM tracks"))["audio_key"]
    assert (Path(studio.config.store_address) / key).exists()
    lost = await studio.one("SELECT count(*) FROM attempts WHERE verdict = 'lost'")
    assert lost["count"] == len(STEPS)  # the last death came after the end


def _allow(studio: Studio) -> None:
    with (studio.config.var / "sfa.toml").open("a") as settings:
        settings.write("\ndownload_http = true\n")


def _part(studio: Studio) -> int:
    """Bytes of the file that yt-dlp is writing, once there are as many as the host lets it have."""
    found = list(Path(studio.config.store_address, ".scratch").glob("*/.config/spotdl/temp/*.part"))
    size = found[0].stat().st_size if found else 0
    return size if size > 1_000_000 else 0


async def test_a_plain_file_is_fetched_once_whenever_the_worker_dies(
    studio: Studio, host: AudioHost
) -> None:
    _allow(studio)
    host.files = {"/slow.wav": sound(SECONDS)}
    size = len(host.files["/slow.wav"])
    row = await studio.one(
        "INSERT INTO download_jobs (address, then_model) VALUES (%s, 'spectral') RETURNING track_id",
        f"{host.url}/slow.wav",
    )
    process = await begin(studio)
    await asyncio.to_thread(host.reached.wait, 2 * DEADLINE)

    def part() -> int:
        found = list(Path(studio.config.store_address, ".scratch").glob("*/part"))
        return found[0].stat().st_size if found else 0

    async with asyncio.timeout(DEADLINE):
        while part() < 1_000_000:
            await asyncio.sleep(0.05)
    process.kill()
    await process.wait()
    there = part()
    host.gate.set()
    for step in ("fetched", "kept", "recording"):
        await died(studio, await begin(studio, step))
        assert host.asked["/slow.wav"] == ["", f"bytes={there}-"]
    job = await ended(studio, str(row["track_id"]))
    assert job["status"] == "completed"
    assert host.asked["/slow.wav"] == ["", f"bytes={there}-"]
    key = (await studio.one("SELECT audio_key FROM tracks"))["audio_key"]
    assert (Path(studio.config.store_address) / key).read_bytes() == host.files["/slow.wav"]
    assert size


async def test_a_file_that_changed_meanwhile_is_fetched_afresh(
    studio: Studio, host: AudioHost
) -> None:
    _allow(studio)
    host.files = {"/broken.wav": sound(SECONDS)}
    row = await studio.one(
        "INSERT INTO download_jobs (address, then_model) VALUES (%s, 'spectral') RETURNING id, track_id",
        f"{host.url}/broken.wav",
    )
    process = await begin(studio)
    try:
        await studio.until(
            "SELECT status FROM download_jobs WHERE id = %s",
            row["id"],
            expect=lambda job: job["status"] == "retrying",
        )
    finally:
        process.terminate()
        await process.wait()
    host.files = {"/broken.wav": sound(SECONDS, pitch=500)}
    host.whole.add("/broken.wav")
    job = await ended(studio, str(row["track_id"]))
    assert job["status"] == "completed"
    assert host.asked["/broken.wav"][-1].startswith("bytes=")
    key = (await studio.one("SELECT audio_key FROM tracks"))["audio_key"]
    assert (Path(studio.config.store_address) / key).read_bytes() == sound(SECONDS, pitch=500)
