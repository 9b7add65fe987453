"""`bin/sfa run ADDRESS` as a process of its own, with whole workers and the stand-ins around it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator

import pytest

from sfa.arrival import address_in, positions
from sfa.errors import InputError
from tests.imports.audio_host import AudioHost, sound
from tests.imports.spotify import Spotify, ident
from tests.jobs.studio import DEADLINE, Studio

SECONDS = 8
PROGRAM = """
import sys
from sfa import cli
from sfa.commands import run
run.up = lambda config: None  # the test's own workers do what supervisord's would
sys.exit(cli.main(sys.argv[1:]))
"""


@contextlib.asynccontextmanager
async def workshop(studio: Studio) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for queue in ("default", "download", "processing", "analysis"):
            await stack.enter_async_context(studio.worker(queue))
        yield


async def sfa(studio: Studio, *words: str) -> tuple[int, str, str]:
    config = studio.config
    env = {**os.environ, "SFA_VAR": str(config.var), "DATABASE_URL": config.database_url}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *words, env=env, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(2 * DEADLINE):
        out, err = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in err
    return process.returncode, out.decode(), err.decode()


def hosted(spotify: Spotify, host: AudioHost, *numbers: int) -> None:
    spotify.seconds = SECONDS
    host.files = {f"/{n}": sound(SECONDS, pitch=200 + n) for n in numbers}
    host.results = [
        {"url": f"{host.url}/{n}", "name": f"Song {n}", "artists": ["The Testers", "A Guest"], "duration": SECONDS}
        for n in numbers
    ]  # fmt: skip


@pytest.mark.usefixtures("spotdl_python")
async def test_one_track_is_fetched_separated_and_analysed(
    studio: Studio, spotify: Spotify, host: AudioHost
) -> None:
    hosted(spotify, host, 1)
    address = f"https://open.spotify.com/track/{ident(1)}?si=x"
    async with workshop(studio):
        code, out, err = await sfa(studio, "run", address, "--model", "spectral", "--json")
        assert code == 0, err
        told = json.loads(out)
        assert told["track"]["title"] == "Song 1"
        assert len(told["stems"]) == 4
        assert {job["kind"] for job in told["jobs"]} >= {"download", "processing", "analysis"}
        assert "import" in err
        assert "download" in err
        # Once more: it is there, and linked; nothing is fetched again.
        sent = host.sent["/1"]
        code, out, err = await sfa(studio, "run", address, "--model", "spectral", "--json")
        assert (code, json.loads(out)["track"]["id"]) == (0, told["track"]["id"]), err
    assert host.sent["/1"] == sent


@pytest.mark.usefixtures("spotdl_python")
async def test_of_a_list_what_was_chosen_and_each_failure_with_its_reason(
    studio: Studio, spotify: Spotify, host: AudioHost
) -> None:
    hosted(spotify, host, 0, 2)
    spotify.playlist = spotify.tracks(4)
    spotify.playlist[3] = None
    address = f"spotify:playlist:{ident(1, 'p')}"
    async with workshop(studio):
        code, out, err = await sfa(studio, "run", address, "--model", "spectral")
        assert code == 0, err
        assert "   4  (removed)" in out
        assert "--choose" in err
        assert (await studio.one("SELECT count(*) FROM download_jobs"))["count"] == 0
        code, out, err = await sfa(studio, "run", address, "--model", "spectral", "--choose", "1-3")
    # The second has no recording anywhere.
    assert code == 1
    assert "2 downloaded, 2 failed" in out
    assert "2  Song 1: no recording of this song was found" in out
    assert (await studio.one("SELECT count(DISTINCT track_id) FROM stems"))["count"] == 2


async def test_what_is_no_address_of_music_is_refused_with_what_to_do(studio: Studio) -> None:
    code, _, err = await sfa(studio, "run", f"https://open.spotify.com/artist/{ident(1)}")
    assert code == 1
    assert "cannot be imported" in err


async def test_a_plain_address_says_that_the_settings_forbid_it(
    studio: Studio, host: AudioHost
) -> None:
    async with studio.worker("download"):
        code, out, _ = await sfa(studio, "run", f"{host.url}/a.wav", "--model", "spectral")
    assert code == 1
    assert "download_http" in out


def test_addresses_and_choices() -> None:
    assert address_in("song.mp3") is None
    assert address_in("open.spotify.com/track/x")
    assert positions("all", 5) is None
    assert positions("1-2, 5", 5) == [0, 1, 4]
    for wrong in ("0", "6", "3-2", "x", ",", "1--2"):
        with pytest.raises(InputError):
            positions(wrong, 5)
