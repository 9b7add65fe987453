"""Signing in at Spotify from the dashboard: PKCE, a state that is good once, a token that nobody sees, private playlists."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.testclient import TestClient

from sfa.db import Database
from sfa.spotify_account import Account
from sfa.web.app import create_app
from tests.imports.spotify import Spotify, ident
from tests.jobs.studio import Studio
from tests.web.conftest import ADDRESS, sign_in_token

PRIVATE = f"spotify:playlist:{ident(2, 'p')}"


@pytest.fixture
def owner(studio: Studio) -> Iterator[TestClient]:
    headers = {"sec-fetch-site": "same-origin"}
    app = create_app(studio.config)
    with TestClient(app, base_url=ADDRESS, headers=headers, follow_redirects=False) as client:
        assert (
            client.get(f"/sign-in/{sign_in_token(studio.config.database_url)}").status_code == 303
        )
        yield client


def go(owner: TestClient, spotify: Spotify) -> str:
    """To Spotify and back: the address that the browser is sent back to."""
    answer = owner.get("/spotify/connect")
    assert answer.status_code == 303
    address = urlsplit(answer.headers["location"])
    assert f"{address.scheme}://{address.netloc}" == spotify.url
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert (asked["response_type"], asked["code_challenge_method"], asked["client_id"]) == (
        "code",
        "S256",
        "me",
    )
    assert asked["redirect_uri"] == f"{ADDRESS}/spotify/callback"
    return spotify.authorize(asked).removeprefix(ADDRESS)


async def imported(studio: Studio) -> dict[str, object]:
    row = await studio.one("INSERT INTO imports (address) VALUES (%s) RETURNING id", PRIVATE)
    return await studio.until(
        "SELECT * FROM imports WHERE id = %s",
        row["id"],
        expect=lambda found: found["finished_at"] is not None,
    )


async def test_a_private_playlist_is_read_after_a_sign_in_and_not_after_its_end(
    studio: Studio, owner: TestClient, spotify: Spotify
) -> None:
    async with studio.worker("default"):
        before = await imported(studio)
        assert before["status"] == "failed"
        back = go(owner, spotify)
        assert owner.get(back).headers["location"] == "/imports"
        assert "Some Body" in owner.get("/imports").text
        first = spotify.refreshing
        row = await imported(studio)
        assert (row["status"], row["title"]) == ("completed", "Secret list")
        # Spotify hands out a new refresh token with each use: the new one was kept.
        assert spotify.refreshing != first
        assert (await imported(studio))["status"] == "completed"
        spotify.end_sign_in()
        assert (await imported(studio))["status"] == "failed"
        assert "has ended your sign-in" in owner.get("/imports").text
        secrets = await studio.one("SELECT count(*) FROM secrets")
        assert secrets["count"] == 0
        owner.get(go(owner, spotify))
        assert owner.post("/spotify/forget").status_code == 303
        assert "Signed in at Spotify" not in owner.get("/imports").text
        assert (await imported(studio))["status"] == "failed"


async def test_two_imports_at_once_use_one_token_after_the_other(
    studio: Studio, owner: TestClient, spotify: Spotify, database: Database
) -> None:
    owner.get(go(owner, spotify))
    user = (await studio.one("SELECT sfa_local_owner() AS id"))["id"]
    async with httpx.AsyncClient() as http:
        account = Account(studio.config, database, http, user)
        tokens = await asyncio.gather(*(account.access() for _ in range(4)))
    assert all(tokens)
    assert len(set(tokens)) == 4
    assert (await studio.one("SELECT ended_at FROM spotify_accounts"))["ended_at"] is None


async def test_a_state_is_good_once_for_its_own_user_and_for_ten_minutes(
    studio: Studio, owner: TestClient, spotify: Spotify
) -> None:
    back = go(owner, spotify)
    assert owner.get(back).status_code == 303
    assert owner.get(back).status_code == 400
    forged = go(owner, spotify)
    assert owner.get(forged.partition("state=")[0] + "state=guessed").status_code == 400
    # The guess has used nothing up; a second beginning has.
    later = go(owner, spotify)
    assert owner.get(forged).status_code == 400
    await studio.db.execute("UPDATE spotify_sign_ins SET expires_at = now() - interval '1 second'")
    assert owner.get(later).status_code == 400
    assert owner.get("/spotify/callback?error=access_denied").headers["location"] == "/imports"


async def test_nothing_that_is_kept_shows_a_token(
    studio: Studio, owner: TestClient, spotify: Spotify
) -> None:
    back = go(owner, spotify)
    state = back.partition("state=")[2]
    tables = ("spotify_sign_ins", "spotify_accounts", "secrets")

    async def dump() -> str:
        rows = [
            await studio.one(f"SELECT coalesce(json_agg(t)::text, '') AS text FROM {name} t")
            for name in tables
        ]
        return " ".join(row["text"] for row in rows)

    assert state not in await dump()
    owner.get(back)
    kept = await dump()
    assert spotify.refreshing
    assert spotify.refreshing not in kept
    assert spotify.access not in kept
    assert spotify.refreshing.encode().hex() not in kept


async def test_without_an_app_at_spotify_it_says_what_is_missing(
    studio: Studio, spotify: Spotify
) -> None:
    studio.config = dataclasses.replace(
        studio.config, spotify_client_id="", spotify_client_secret=""
    )
    with TestClient(
        create_app(studio.config),
        base_url=ADDRESS,
        headers={"sec-fetch-site": "same-origin"},
        follow_redirects=False,
    ) as client:
        client.get(f"/sign-in/{sign_in_token(studio.config.database_url)}")
        answer = client.get("/spotify/connect")
    assert answer.status_code == 409
    assert "spotify_client_id" in answer.text
