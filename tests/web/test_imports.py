"""Imports on the dashboard: paste an address, see what was found, choose, follow each to its end or its reason."""

import dataclasses
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from sfa.config import Config
from sfa.web.app import create_app
from tests.imports.spotify import ident
from tests.web.conftest import ADDRESS, sign_in_token
from tests.web.rows import World

if TYPE_CHECKING:
    from playwright.sync_api import Page

PLAYLIST = f"https://open.spotify.com/playlist/{ident(1, 'p')}"
LIVE = "#live-state[data-state=live]"


def listed(world: World, count: int = 5, dead: int = 1, address: str = PLAYLIST) -> str:
    """An import whose list has been read, as its worker leaves it."""
    row = world.one(
        "INSERT INTO imports (address, then_model) VALUES (%s, 'spectral') RETURNING id, queue_job_id",
        address,
    )
    world.worker("default")
    items: list[dict[str, Any]] = [
        {"position": n, "spotify_id": ident(n), "title": f"Song {n}", "artist": "The Testers", "duration_ms": 200_000,
         "facts": {}, "reason": "Spotify has removed it" if n >= count - dead else None}
        for n in range(count)
    ]  # fmt: skip
    claimed = world.one(
        "SELECT job_id, token FROM sfa_claim_v1((SELECT max(id) FROM workers WHERE queue_name = 'default'), 'default', 10, '1 hour')"
    )
    world.one(
        "SELECT sfa_import_page_v1(%s, %s, %s, 'A list', 'Somebody', %s, NULL, NULL, %s::jsonb)",
        claimed["job_id"], claimed["token"], row["id"], count, json.dumps(items),
    )  # fmt: skip
    world.one(
        "SELECT sfa_finish_v1(%s, %s, 'completed', NULL, NULL, NULL, '0')",
        claimed["job_id"],
        claimed["token"],
    )
    return str(row["id"])


def test_an_address_is_pasted_and_a_list_waits_for_a_choice(
    owner: TestClient, world: World
) -> None:
    assert 'action="/imports"' in owner.get("/").text
    answer = owner.post("/imports", data={"address": f"  {PLAYLIST}?si=x "})
    assert answer.status_code == 303
    row = world.one("SELECT id, choose, status FROM imports")
    assert (row["choose"], row["status"]) == (True, "waiting")
    assert answer.headers["location"] == f"/imports/{row['id']}"
    # A double click is one import.
    assert (
        owner.post("/imports", data={"address": PLAYLIST}).headers["location"]
        == f"/imports/{row['id']}"
    )
    assert "is being read" in owner.get(f"/imports/{row['id']}").text
    track = owner.post("/imports", data={"address": f"spotify:track:{ident(3)}"})
    assert track.status_code == 303
    assert not world.one("SELECT choose FROM imports WHERE kind = 'track'")["choose"]
    text = owner.get("/imports").text
    assert text.count('id="import-') >= 3


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "Paste an address"),
        (f"https://open.spotify.com/artist/{ident(1)}", "Artists, shows and episodes"),
        ("https://spotify.link/abc", "short link"),
        ("https://example.com/song.mp3", "download_http"),
        ("hello", "download_http"),
    ],
)
def test_what_cannot_be_imported_says_what_to_do(
    owner: TestClient, world: World, address: str, says: str
) -> None:
    answer = owner.post("/imports", data={"address": address})
    assert 400 <= answer.status_code < 500
    assert says in answer.text
    assert world.one("SELECT count(*) AS n FROM imports")["n"] == 0


def test_chosen_is_downloaded_and_each_failure_shows_its_reason(
    owner: TestClient, world: World
) -> None:
    mine = world.track("Song 0")
    world.connection.execute("UPDATE tracks SET spotify_id = %s WHERE id = %s", [ident(0), mine])
    which = listed(world)
    text = owner.get(f"/imports/{which}").text
    assert f'href="/tracks/{mine}"' in text
    assert "you had it" in text
    assert "Spotify has removed it" in text
    assert text.count('name="id"') == 4  # three that were found, and the dead one may be tried
    assert owner.post(f"/imports/{which}/choose", data={"verb": "chosen"}).status_code == 400
    answer = owner.post(
        f"/imports/{which}/choose?state=found", data={"verb": "chosen", "id": ["1", "2"]}
    )
    assert answer.headers["location"] == f"/imports/{which}?state=found"
    assert world.one("SELECT count(*) AS n FROM download_jobs")["n"] == 2
    world.connection.execute("SELECT sfa_cancel(id) FROM download_jobs")
    owner.post(f"/imports/{which}/choose", data={"verb": "again"})
    assert world.one("SELECT count(*) AS n FROM download_jobs WHERE status = 'waiting'")["n"] == 2
    owner.post(f"/imports/{which}/choose", data={"verb": "all"})
    assert world.one("SELECT count(*) AS n FROM download_jobs WHERE status = 'waiting'")["n"] == 3
    assert ">3 <span" in owner.get(f"/imports/{which}").text


def test_somebody_elses_import_is_not_there(owner: TestClient, world: World) -> None:
    which = listed(world)
    other = world.one("INSERT INTO users (email) VALUES ('else@example.org') RETURNING id")["id"]
    world.connection.execute("UPDATE imports SET user_id = %s", [other])
    assert owner.get(f"/imports/{which}").status_code == 404
    assert owner.post(f"/imports/{which}/choose", data={"verb": "all"}).status_code == 404
    assert (
        owner.post(
            f"/imports/{which}/choose", data={"verb": "address-0", "address-0": "http://x.org/a"}
        ).status_code
        == 404
    )
    assert world.one("SELECT count(*) AS n FROM download_jobs")["n"] == 0
    assert which not in owner.get("/imports").text


def test_a_long_list_is_paged_and_its_states_filter(owner: TestClient, world: World) -> None:
    which = listed(world, 120, 3)
    text = owner.get(f"/imports/{which}").text
    assert text.count('id="item-') == 100
    assert "start=100" in text
    assert owner.get(f"/imports/{which}?start=100").text.count('id="item-') == 20
    assert owner.get(f"/imports/{which}?state=failed").text.count('id="item-') == 3
    assert owner.get(f"/imports/{which}?state=odd").status_code == 400


@pytest.fixture
def generous(web_config: Config, dsn: str) -> Iterator[TestClient]:
    """The owner of an installation that allows other addresses."""
    config = dataclasses.replace(web_config, download_http=True)
    headers = {"sec-fetch-site": "same-origin"}
    with TestClient(
        create_app(config), base_url=ADDRESS, headers=headers, follow_redirects=False
    ) as client:
        client.get(f"/sign-in/{sign_in_token(dsn)}")
        yield client


def test_where_it_is_allowed_any_address_is_a_download_and_a_failed_one_gets_another(
    generous: TestClient, world: World
) -> None:
    answer = generous.post("/imports", data={"address": "https://example.com/song.mp3"})
    track = world.one("SELECT id, title FROM tracks")
    assert (answer.headers["location"], track["title"]) == (f"/tracks/{track['id']}", "song.mp3")
    which = listed(world)
    generous.post(f"/imports/{which}/choose", data={"verb": "chosen", "id": "1"})
    world.connection.execute("SELECT sfa_cancel(id) FROM download_jobs")
    refused = generous.post(
        f"/imports/{which}/choose", data={"verb": "address-1", "address-1": "file:///etc/passwd"}
    )
    assert refused.status_code == 422
    generous.post(
        f"/imports/{which}/choose",
        data={"verb": "address-1", "address-1": "https://example.com/b.mp3"},
    )
    row = world.one(
        "SELECT audio_address FROM download_jobs WHERE status = 'waiting' AND audio_address IS NOT NULL"
    )
    assert row["audio_address"] == "https://example.com/b.mp3"


@pytest.mark.browser
def test_the_page_is_live_and_what_is_ticked_stays_ticked(page: "Page", world: World) -> None:
    which = listed(world)
    page.goto(f"/imports/{which}")
    page.wait_for_selector(LIVE)
    page.get_by_label("Choose Song 1").check()
    page.get_by_label("Choose Song 2").check()
    page.get_by_role("button", name="Download chosen").click()
    page.wait_for_selector("#item-1 .state-waiting")
    page.wait_for_selector("#item-2 .state-waiting")
    page.get_by_label("Choose Song 3").check()
    world.connection.execute("SELECT sfa_cancel(id) FROM download_jobs")
    page.mouse.move(0, 0)
    page.wait_for_selector("#item-1 .state-cancelled")
    assert page.get_by_label("Choose Song 3").is_checked()


def test_a_track_whose_file_has_gone_offers_it_again_and_its_cover_is_shown(
    owner: TestClient, world: World
) -> None:
    track = world.track("Gone")
    key = world.put("covers/abc.png", b"\x89PNG\r\n\x1a\nrest")
    world.connection.execute("UPDATE tracks SET album_art_key = %s WHERE id = %s", [key, track])
    answer = owner.get(f"/media/covers/{track}")
    assert (answer.content[:4], answer.headers["content-type"]) == (b"\x89PNG", "image/png")
    assert (
        owner.get(
            f"/media/covers/{track}", headers={"if-none-match": answer.headers["etag"]}
        ).status_code
        == 304
    )
    assert "has gone" not in owner.get(f"/tracks/{track}").text
    world.connection.execute(
        "SELECT sfa_files_looked_v1(array[id], array[audio_key], array[true]) FROM tracks WHERE id = %s",
        [track],
    )
    text = owner.get(f"/tracks/{track}").text
    assert "upload it again" in text
    assert f"/media/covers/{track}" in text
    assert owner.post(f"/tracks/{track}/download").status_code == 409
    world.connection.execute("UPDATE tracks SET spotify_id = %s WHERE id = %s", [ident(1), track])
    assert "Download it again" in owner.get(f"/tracks/{track}").text
    assert owner.post(f"/tracks/{track}/download").status_code == 303
    assert world.one("SELECT address FROM download_jobs")["address"].endswith(ident(1))


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_of_an_import_scrolls_sideways(page: "Page", world: World, width: int) -> None:
    which = listed(world, 12)
    world.connection.execute("SELECT sfa_import_choose(%s, '{1,2}')", [which])
    world.connection.execute(
        "UPDATE import_items SET status = 'failed', title = repeat('Long ', 30), reason = repeat('no recording of this was found; ', 9)"
        " WHERE position = 0"
    )
    page.set_viewport_size({"width": width, "height": 780})
    for path in ("/", "/imports", f"/imports/{which}"):
        page.goto(path)
        page.wait_for_selector(LIVE)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
