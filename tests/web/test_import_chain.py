"""An address that is pasted into the page: found, chosen, fetched by spotdl's own code, separated and analysed, watched live."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sfa.config import Config
from tests.imports.audio_host import AudioHost, sound
from tests.imports.conftest import host, spotdl_python, spotify
from tests.imports.spotify import Spotify, ident
from tests.web.conftest import until
from tests.web.rows import World

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["host", "spotdl_python", "spotify"]
pytestmark = pytest.mark.browser
SECONDS = 8
PROGRAM = "import sys; from sfa import cli; sys.exit(cli.main(sys.argv[1:]))"


@pytest.fixture
def web_config(web_config: Config, spotify: Spotify, host: AudioHost) -> Config:
    """The dashboard's and the workers' settings: Spotify and the hosts of audio are the stand-ins."""
    more = {
        "spotify_client_id": "me", "spotify_client_secret": "secret", "spotify_api_url": spotify.url,
        "spotify_accounts_url": spotify.url, "spotify_embed_url": f"{spotify.url}/embed",
        "audio_search_url": f"{host.url}/search", "download_private": True, "grace_seconds": 1, "model": "spectral",
    }  # fmt: skip
    web_config.var.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} = {json.dumps(value)}" for name, value in more.items()]
    (web_config.var / "sfa.toml").write_text("\n".join(lines))
    return dataclasses.replace(web_config, **more)  # type: ignore[arg-type]


@pytest.fixture
def workers(web_config: Config, spotdl_python: Path) -> Iterator[None]:
    """A worker of each queue of the chain, as supervisord starts them."""
    assert spotdl_python.exists()
    env = {**os.environ, "SFA_VAR": str(web_config.var), "DATABASE_URL": web_config.database_url}
    running = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, "worker", queue], env=env)
        for queue in ("default", "download", "processing", "analysis")
    ]
    yield
    for process in running:
        process.terminate()
    codes = [process.wait(60) for process in running]
    assert codes == [0] * len(running)


@pytest.mark.usefixtures("workers")
def test_a_playlist_is_pasted_chosen_fetched_separated_and_analysed_before_ones_eyes(
    page: "Page",
    world: World,
    spotify: Spotify,
    host: AudioHost,
) -> None:
    spotify.seconds = SECONDS
    spotify.playlist = spotify.tracks(3)
    # The last of the three has no recording anywhere.
    host.files = {f"/{number}": sound(SECONDS, pitch=200 + number) for number in (0, 1)}
    host.results = [
        {"url": f"{host.url}/{n}", "name": f"Song {n}", "artists": ["The Testers", "A Guest"], "duration": SECONDS}
        for n in (0, 1)
    ]  # fmt: skip
    page.goto("/imports")
    page.wait_for_selector("#live-state[data-state=live]")
    page.locator("input[name=address]").first.fill(f"https://open.spotify.com/playlist/{ident(1, 'p')}")  # fmt: skip
    page.keyboard.press("Enter")
    page.wait_for_url("**/imports/*-*")
    page.locator("#item-2").wait_for()
    for position in range(3):
        page.locator(f"#item-{position} input[name=id]").check()
    page.locator("button[name=verb][value=chosen]").click()
    page.wait_for_selector("#live-state[data-state=live]")
    page.evaluate("window.mark = 'the same page'")
    page.locator("#item-0").get_by_text("downloaded").wait_for()
    page.locator("#item-1").get_by_text("downloaded").wait_for()
    page.locator("#item-2 .state-failed").wait_for()
    assert page.evaluate("window.mark") == "the same page"

    page.locator("#item-0 a.link-row").click()
    page.wait_for_selector("#live-state[data-state=live]")
    page.locator("sfa-mixer .lane[data-stem]").nth(3).wait_for()
    # A glide has no beat, and its grid says so in words.
    until(page, "document.querySelectorAll('sfa-chart svg').length === 4")
    page.get_by_text("No steady beat was found.").wait_for()
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, "document.querySelector('sfa-mixer').time() > 0.3")
    done = world.connection.execute(
        "SELECT kind, status FROM sfa_jobs WHERE track_id = (SELECT track_id FROM import_items WHERE position = 0)"
    ).fetchall()
    assert {row["kind"] for row in done} >= {"download", "processing", "analysis"}
    # The search looks at the beginning, then it is fetched, once.
    assert len(host.files["/0"]) <= host.sent["/0"] < 1.5 * len(host.files["/0"])
