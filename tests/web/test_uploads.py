"""Uploads in pieces: they go on where they broke off, and refuse what is no audio with the first piece."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from sfa.config import Config
from sfa.web.app import create_app
from tests.web.conftest import ADDRESS, until
from tests.web.rows import World, sound

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

JSON = {"accept": "application/json"}


def begin(client: TestClient, size: int, name: str = "Ana%20-%20Song.wav") -> str:
    """Announce a file; the upload's address."""
    headers = {**JSON, "x-filename": name, "upload-length": str(size)}
    answer = client.post("/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def put(client: TestClient, address: str, offset: int, body: bytes) -> tuple[int, str]:
    """Bring a piece: the status, and where the file goes on."""
    headers = {**JSON, "upload-offset": str(offset)}
    answer = client.patch(address, content=body, headers=headers)
    return answer.status_code, answer.headers.get("upload-offset", answer.text)


def test_a_file_in_pieces_becomes_a_track(
    owner: TestClient, world: World, web_config: Config
) -> None:
    body = sound(220.0, 1.0)
    address = begin(owner, len(body))
    assert put(owner, address, 0, body[:20_000]) == (204, "20000")
    assert owner.head(address).headers["upload-offset"] == "20000"
    assert put(owner, address, 0, body) == (409, "20000"), "a piece that came twice"
    assert put(owner, address, 30_000, body[30_000:]) == (409, "20000"), "a gap"
    assert put(owner, address, 20_000, body[20_000:]) == (201, str(len(body)))
    row = world.one("SELECT * FROM tracks")
    assert (row["title"], row["artist"]) == ("Song", "Ana")
    assert (Path(web_config.store_address) / row["audio_key"]).read_bytes() == body
    assert world.one("SELECT count(*) AS n FROM processing_jobs")["n"] == 1
    assert not list((web_config.var / "uploads").iterdir())
    # The answer was lost: asked again, it is the same track.
    assert put(owner, address, len(body), b"")[0] == 201
    assert world.one("SELECT count(*) AS n FROM tracks")["n"] == 1


def test_it_goes_on_after_a_restart_of_the_server(
    owner: TestClient, world: World, web_config: Config
) -> None:
    body = sound(220.0, 1.0)
    address = begin(owner, len(body))
    put(owner, address, 0, body[:9_000])
    cookies = dict(owner.cookies)
    headers = {"sec-fetch-site": "same-origin"}
    with TestClient(create_app(web_config), base_url=ADDRESS, headers=headers, cookies=cookies) as later:  # fmt: skip
        assert later.head(address).headers["upload-offset"] == "9000"
        assert put(later, address, 9_000, body[9_000:])[0] == 201


def test_a_server_that_died_at_the_last_moment_finishes(
    owner: TestClient, world: World, web_config: Config
) -> None:
    body = sound(220.0, 0.5)
    address = begin(owner, len(body))
    put(owner, address, 0, body[:-1])
    # All bytes had arrived, and then it was killed before there was a track.
    with (web_config.var / "uploads" / f"{address.rpartition('/')[2]}.part").open("ab") as file:
        file.write(body[-1:])
    assert put(owner, address, len(body), b"")[0] == 201
    assert world.one("SELECT count(*) AS n FROM tracks")["n"] == 1


def test_what_is_refused_is_refused_early(
    owner: TestClient, world: World, web_config: Config
) -> None:
    address = begin(owner, 1_000_000, "words.mp3")
    status, said = put(owner, address, 0, b"only words\n" * 900)
    assert status == 415
    assert "begins like text" in said
    long = {**JSON, "x-filename": "x", "upload-length": "2000001"}
    assert owner.post("/uploads", headers=long).status_code == 413
    assert owner.post("/uploads", headers={**JSON, "upload-length": "many"}).status_code == 400
    unknown = owner.post("/uploads?model=nonsense", headers={**JSON, "upload-length": "9"})
    assert (unknown.status_code, unknown.json()["error"]) == (422, "There is no such model.")
    body = sound(220.0, 0.2)
    address = begin(owner, len(body))
    assert put(owner, address, 0, body + b"more")[0] == 400
    other = world.one("INSERT INTO users (email) VALUES ('other@example.org') RETURNING id")["id"]
    world.connection.execute("UPDATE uploads SET user_id = %s", [other])
    assert put(owner, address, 0, body)[0] == 404
    assert owner.delete(address).status_code == 404
    assert world.one("SELECT count(*) AS n FROM tracks")["n"] == 0


def test_given_up_and_forgotten_uploads_leave_nothing(
    owner: TestClient, world: World, web_config: Config
) -> None:
    body = sound(220.0, 0.2)
    first, second = begin(owner, len(body)), begin(owner, len(body))
    for address in (first, second):
        put(owner, address, 0, body[:5000])
    assert owner.delete(first).status_code == 204
    world.connection.execute("UPDATE uploads SET seen_at = now() - interval '3 days'")
    begin(owner, 10)
    assert not list((web_config.var / "uploads").iterdir())
    assert world.one("SELECT count(*) AS n FROM uploads")["n"] == 1


@pytest.mark.browser
def test_an_upload_survives_a_broken_connection(page: "Page", world: World, tmp_path: Path) -> None:
    page.goto("/")
    page.wait_for_selector("#live-state[data-state=live]")
    broken: list[str] = []

    def breaks(route: "Route") -> None:
        # The first piece arrives, its answer does not.
        if broken:
            route.continue_()
        else:
            broken.append(route.request.url)
            route.abort("connectionreset")

    page.route("**/uploads/*", lambda route: breaks(route) if route.request.method == "PATCH" else route.continue_())  # fmt: skip
    page.expected_complaints = ("ERR_CONNECTION_RESET",)  # type: ignore[attr-defined]
    song = tmp_path / "Ana Torrent - Broken.wav"
    song.write_bytes(sound(220.0, 2.0))
    page.set_input_files("#file", song)
    page.locator("#latest").get_by_text("Broken").wait_for()
    assert broken
    assert world.one("SELECT count(*) AS n FROM tracks")["n"] == 1
    until(page, "!document.querySelector('#uploads li')")
    assert page.evaluate("Object.keys(localStorage).length") == 0


@pytest.mark.browser
def test_several_files_go_up_and_a_reload_goes_on(
    page: "Page", world: World, tmp_path: Path
) -> None:
    songs = []
    for n in range(3):
        songs.append(tmp_path / f"Song {n}.wav")
        songs[-1].write_bytes(sound(220.0 + n, 0.5))
    page.goto("/tracks")
    page.get_by_text("New tracks").click()
    # The tab is closed in the middle: the server has a part of the file.
    size = songs[1].stat().st_size
    half = songs[1].read_bytes()[: size // 2]
    address = page.evaluate(
        """async ([name, size]) => (await fetch('/uploads', {method: 'POST', headers: {'X-Filename': name, 'Upload-Length': String(size)}})).headers.get('location')""",
        ["Song%201.wav", size],
    )
    page.evaluate(
        """([address, body]) => fetch(address, {method: 'PATCH', headers: {'Upload-Offset': '0'}, body: Uint8Array.from(body)})""",
        [address, list(half)],
    )
    sent: list[int] = []
    page.on("request", lambda r: sent.append(int(r.headers["upload-offset"])) if r.method == "PATCH" else None)  # fmt: skip
    page.evaluate(
        """(address) => {
            const get = Storage.prototype.getItem;
            Storage.prototype.getItem = function (key) { return key.startsWith('sfa-upload Song 1.wav') ? address : get.call(this, key); };
        }""",
        address,
    )
    page.set_input_files("#file", songs)
    for n in range(3):
        page.locator("#list").get_by_text(f"Song {n}").wait_for()
    assert sent == [0, size // 2, 0], "the second file went on where it was"
