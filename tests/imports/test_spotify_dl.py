"""The port spotify_dl as a real child process in spotdl's environment, against hosts on this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
import soundfile

from sfa import spotdl
from tests.imports.audio_host import AudioHost, cover, sound

SECONDS = 12
SONG = {
    "title": "Song 1", "artists": ["The Testers", "A Guest"], "album": "An Album", "duration_ms": SECONDS * 1000,
    "isrc": "XX0000000001", "track_number": 3, "date": "2024-05-06", "spotify_id": "t" * 22,
}  # fmt: skip


class Child:
    """A running child; ``ask`` sends a request, ``until`` reads frames up to one of the kinds."""

    folder: Path

    def __init__(self, python: Path) -> None:
        command = spotdl.command(python, "sfa.ports.children.spotify_dl")
        env = {"PATH": os.environ["PATH"], "SFA_PARENT_PID": str(os.getpid())}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
        )

    def ask(self, **arguments: Any) -> None:
        request = {
            "op": "download",
            "id": "1",
            "out": str(self.folder),
            "ffmpeg": spotdl.ffmpeg(),
            "private": True,
        }
        pipe: IO[bytes] | None = self.process.stdin
        assert pipe is not None
        pipe.write(json.dumps({**request, **arguments}).encode() + b"\n")
        pipe.flush()

    def until(self, *kinds: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            frame: dict[str, Any] = json.loads(line)
            if frame["type"] in kinds:
                return frame
        assert self.process.stderr is not None
        raise AssertionError(self.process.stderr.read().decode()[-3000:])

    def say(self, **frame: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(frame).encode() + b"\n")
        self.process.stdin.flush()

    def call(self, **arguments: Any) -> dict[str, Any]:
        self.ask(**arguments)
        return self.until("result", "error")


@pytest.fixture(scope="module")
def warm(spotdl_python: Path) -> Iterator[Child]:
    made = Child(spotdl_python)
    yield made
    made.process.kill()
    made.process.communicate()


@pytest.fixture
def child(warm: Child, tmp_path: Path) -> Child:
    """The same child for all tests: whatever it went through before, it must be sound."""
    warm.folder = tmp_path / ".scratch" / "out"
    return warm


def test_a_song_is_found_fetched_converted_and_tagged(child: Child, host: AudioHost) -> None:
    host.files = {"/drip": sound(SECONDS, pitch=330), "/wrong": sound(SECONDS), "/c.png": cover()}
    host.results = [
        {"url": f"{host.url}/wrong", "name": "Another tune", "artists": ["Somebody"], "duration": SECONDS, "verified": True, "forced": True},
        {"url": f"{host.url}/drip", "name": "Song 1", "artists": ["The Testers"], "duration": SECONDS, "verified": True},
    ]  # fmt: skip
    child.ask(song={**SONG, "cover_url": f"{host.url}/c.png"}, search=f"{host.url}/search")
    stages = []
    while (frame := child.until("progress", "result", "error"))["type"] == "progress":
        stages.append((frame["percent"], frame["stage"]))
    assert frame["type"] == "result", frame
    assert next(stage for _, stage in stages) == "searching"
    assert len({percent for percent, stage in stages if stage == "downloading"}) > 3
    assert stages == sorted(stages, key=lambda entry: entry[0])
    assert host.searches[0].startswith("the testers, a guest - song 1")
    assert (frame["format"], frame["address"]) == ("opus", f"{host.url}/drip")
    assert host.sent["/wrong"] == 0
    file = child.folder / frame["file"]
    assert soundfile.info(file).duration == pytest.approx(SECONDS, abs=0.1)
    assert (child.folder / frame["cover"]).read_bytes() == cover()
    tags = soundfile.SoundFile(file).copy_metadata()
    assert (tags["title"], tags["album"], tags["tracknumber"]) == ("Song 1", "An Album", "3")


def test_a_file_of_a_known_kind_is_kept_as_it_is(child: Child, host: AudioHost) -> None:
    host.files = {"/a.mp3": sound(SECONDS, "MP3")}
    told = child.call(song=SONG, address=f"{host.url}/a.mp3")
    assert (told["type"], told["format"]) == ("result", "mp3")
    # Tags are put before it; the sound is the same bytes.
    assert sound(SECONDS, "MP3")[-50_000:] in (child.folder / told["file"]).read_bytes()


def test_what_was_fetched_is_not_fetched_again(child: Child, host: AudioHost) -> None:
    host.files = {"/a.mp3": sound(SECONDS, "MP3")}
    first = child.call(song=SONG, address=f"{host.url}/a.mp3")
    asked = len(host.asked["/a.mp3"])
    assert child.call(song=SONG, address=f"{host.url}/a.mp3") == first
    assert len(host.asked["/a.mp3"]) == asked


@pytest.mark.parametrize(
    ("path", "kind", "says"),
    [
        ("/nowhere", "input", "404"),
        ("/busy", "resource", "503"),
        ("/page.mp3", "input", "no audio|not lead to an audio file"),
        ("/empty.mp3", "input", "empty|not lead"),
        ("/huge.wav", "input", "larger than the limit of 1 MB"),
        ("/broken.wav", "resource", "broke off|may work later"),
        ("/rubbish.wav", "input", "damaged"),
    ],
)
def test_each_failure_says_why_and_whether_it_lasts(
    child: Child, host: AudioHost, path: str, kind: str, says: str
) -> None:
    host.statuses = {"/busy": 503}
    host.files = {
        "/page.mp3": b"<html>" + b"x" * 9000, "/empty.mp3": b"", "/huge.wav": sound(SECONDS),
        "/broken.wav": sound(SECONDS), "/rubbish.wav": sound(SECONDS)[:44].replace(b"fmt ", b"xxxx") + b"\1" * 90_000,
    }  # fmt: skip
    limit = {"max_bytes": 1_000_000} if path == "/huge.wav" else {}
    told = child.call(song=SONG, address=host.url + path, **limit)
    assert told["type"] == "error"
    assert told["kind"] == kind, told
    assert re.search(says, told["message"]), told
    assert str(child.folder) not in json.dumps(told)


def test_nothing_found_says_what_to_do(child: Child, host: AudioHost) -> None:
    told = child.call(song=SONG, search=f"{host.url}/search")
    assert (told["type"], told["kind"]) == ("error", "input")
    assert "audio_address" in told["message"]


@pytest.mark.parametrize("way", ["given", "redirect", "cover", "search"])
def test_no_way_leads_to_a_private_address(child: Child, host: AudioHost, way: str) -> None:
    host.files = {"/a.wav": sound(SECONDS), "/c.png": cover()}
    request: dict[str, Any] = {"song": SONG, "address": f"{host.url}/a.wav", "private": False}
    if way == "search":
        request = {"song": SONG, "search": f"{host.url}/search", "private": False}
    told = child.call(**request)
    assert (told["type"], told["kind"]) == ("error", "input"), told
    assert "private address" in told["message"]
    assert not host.asked
    assert not host.searches


def test_a_cancel_ends_a_download_and_the_child_stays_sound(child: Child, host: AudioHost) -> None:
    host.files = {"/slow.wav": sound(SECONDS), "/a.mp3": sound(SECONDS, "MP3")}
    child.ask(song=SONG, address=f"{host.url}/slow.wav")
    assert host.reached.wait(60)
    child.say(type="cancel", id="1")
    host.gate.set()
    assert child.until("result", "error")["kind"] == "cancelled"
    child.folder = child.folder.with_name("second")
    assert child.call(song=SONG, address=f"{host.url}/a.mp3")["type"] == "result"
