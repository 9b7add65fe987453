"""Downloads from plain addresses, against a real HTTP server on this machine."""

from __future__ import annotations

import dataclasses
import gzip
import io
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from sfa.errors import InputError, SfaError
from sfa.jobs import download_link
from tests.jobs.studio import Studio


def wav() -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.sin(np.arange(44100) / 20) * 0.3, 44100, format="WAV")
    return buffer.getvalue()


class Site(BaseHTTPRequestHandler):
    """A small site: a song, a page, a redirect to the song, a ring of redirects, a broken server."""

    def do_GET(self) -> None:
        body, status, location = b"", 200, None
        match self.path:
            case "/song.wav":
                body = wav()
            case "/zipped":
                body = gzip.compress(wav())
            case "/page":
                body = b"<html>not audio</html>" * 50
            case "/moved":
                status, location = 302, "/song.wav"
            case "/ring":
                status, location = 302, "/ring"
            case "/out":
                status, location = 302, "file:///etc/passwd"
            case "/empty":
                pass
            case "/broken":
                status = 503
            case _:
                status = 404
        self.send_response(status)
        if self.path == "/zipped":
            self.send_header("Content-Encoding", "gzip")
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def fetch(studio: Studio, address: str) -> dict[str, object]:
    job = await studio.one(
        "INSERT INTO download_jobs (address, then_model) VALUES (%s, 'spectral') RETURNING track_id",
        address,
    )
    return await studio.ended(str(job["track_id"]), "download")


async def test_an_address_becomes_a_track_with_audio_and_is_separated_next(
    studio: Studio, site: str
) -> None:
    studio.config = dataclasses.replace(studio.config, download_private=True, download_http=True)
    async with studio.worker("download"):
        for path in ("/song.wav", "/moved", "/zipped"):
            job = await fetch(studio, site + path)
            assert (job["status"], job["error"]) == ("completed", None)
    tracks = await (
        await studio.db.execute(
            "SELECT title, audio_key, audio_bytes FROM tracks ORDER BY inserted_at"
        )
    ).fetchall()
    assert [track["title"] for track in tracks] == ["song.wav", "moved", "zipped"]
    assert len({track["audio_key"] for track in tracks}) == 1  # the same audio is kept once
    store = Path(studio.config.store_address)
    assert {track["audio_bytes"] for track in tracks} == {(store / tracks[0]["audio_key"]).stat().st_size}  # fmt: skip
    assert (await studio.one("SELECT count(*) FROM processing_jobs WHERE model = 'spectral'"))[
        "count"
    ] == 3


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/page", "does not lead to an audio file"),
        ("/empty", "empty file"),
        ("/ring", "redirects more than"),
        ("/out", "only http and https"),
        ("/nowhere", "answered 404"),
    ],
)
async def test_what_is_no_audio_is_refused_at_once(
    studio: Studio, site: str, path: str, says: str
) -> None:
    studio.config = dataclasses.replace(studio.config, download_private=True, download_http=True)
    async with studio.worker("download"):
        job = await fetch(studio, site + path)
    assert (job["status"], job["error_kind"], job["attempt"]) == ("failed", "input", 1)
    assert says in str(job["error"])


async def test_a_broken_server_is_tried_again(studio: Studio, site: str) -> None:
    studio.config = dataclasses.replace(studio.config, download_private=True, download_http=True)
    job = await studio.one(
        "INSERT INTO download_jobs (address) VALUES (%s) RETURNING id", site + "/broken"
    )
    async with studio.worker("download"):
        row = await studio.until(
            "SELECT status, error, scheduled_at > now() AS later FROM download_jobs WHERE id = %s", job["id"],
            expect=lambda row: row["status"] == "retrying",
        )  # fmt: skip
    assert row["later"] is True
    assert "503" in row["error"]


async def test_addresses_are_refused_until_the_settings_allow_them(
    studio: Studio, site: str
) -> None:
    async with studio.worker("download"):
        job = await fetch(studio, site + "/song.wav")
    assert (job["status"], job["error_kind"]) == ("failed", "input")
    assert "download_http" in str(job["error"])


async def test_private_addresses_are_refused_unless_allowed(studio: Studio, site: str) -> None:
    studio.config = dataclasses.replace(studio.config, download_http=True)
    async with studio.worker("download"):
        job = await fetch(studio, site + "/song.wav")
    assert job["status"] == "failed"
    assert "private address" in str(job["error"])


@pytest.mark.parametrize(
    "address",
    ["http://localhost/x", "http://[::1]/x", "http://10.0.0.1/x", "http://169.254.169.254/latest", "http://0.0.0.0/x",
     "http://[::ffff:127.0.0.1]/x", "http://[64:ff9b::a9fe:a9fe]/x", "http://[2002:7f00:1::]/x", "http://2130706433/x"],
)  # fmt: skip
async def test_no_spelling_of_a_private_address_gets_through(address: str) -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises((InputError, SfaError), match=r"private address|cannot be found"):
            await download_link._request(client, address, private=False)


async def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [(2, 1, 6, "", ("93.184.216.34", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    async with httpx.AsyncClient() as client:
        request = await download_link._request(
            client, "https://music.example:443/a?b=c", private=False
        )
    assert request.url.host == "93.184.216.34"
    assert request.headers["host"] == "music.example:443"
    assert request.extensions["sni_hostname"] == "music.example"
