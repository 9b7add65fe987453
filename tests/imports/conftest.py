"""What the tests of imports share: stand-ins for Spotify and for the hosts of audio, a studio that knows them."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from sfa import spotdl
from sfa.config import Config
from tests.imports.audio_host import AudioHost
from tests.imports.spotify import Spotify
from tests.jobs.studio import Studio

_SETTINGS = (
    "spotify_client_id", "spotify_client_secret", "spotify_api_url", "spotify_accounts_url", "spotify_embed_url",
    "audio_search_url", "download_private", "lease_seconds", "grace_seconds",
)  # fmt: skip


@pytest.fixture(scope="session")
def spotdl_python() -> Path:
    """The Python of spotdl's environment; in CI it must be there."""
    python = spotdl.interpreter(Config())
    if python is None:
        if os.environ.get("CI") == "true":
            pytest.fail("spotdl's environment is not there, and in CI its tests must run")
        pytest.skip("DOWNLOADS BY SPOTDL ARE NOT TESTED: run bin/setup")
    return python


@pytest.fixture
def spotify() -> Iterator[Spotify]:
    stand_in = Spotify()
    thread = threading.Thread(target=partial(stand_in.server.serve_forever, poll_interval=0.01))
    thread.start()
    yield stand_in
    stand_in.hold.set()
    stand_in.server.shutdown()
    thread.join()
    stand_in.server.server_close()


@pytest.fixture
def host() -> Iterator[AudioHost]:
    with AudioHost().running() as running:
        yield running


@pytest.fixture
async def studio(
    config: Config, dsn: str, spotify: Spotify, host: AudioHost
) -> AsyncIterator[Studio]:
    quick = dataclasses.replace(
        config, lease_seconds=3, grace_seconds=1, drain_seconds=0, spotify_client_id="me",
        spotify_client_secret="secret", spotify_api_url=spotify.url, spotify_accounts_url=spotify.url,
        spotify_embed_url=f"{spotify.url}/embed", audio_search_url=f"{host.url}/search", download_private=True,
    )  # fmt: skip
    # For a process of its own: the same settings as a file.
    quick.var.mkdir(parents=True, exist_ok=True)
    (quick.var / "sfa.toml").write_text(
        "\n".join(f"{name} = {json.dumps(getattr(quick, name))}" for name in _SETTINGS)
    )
    async with await psycopg.AsyncConnection[dict[str, Any]].connect(
        dsn, autocommit=True, row_factory=dict_row
    ) as db:
        yield Studio(quick, db)
