"""Fetch weights from a server that misbehaves."""

import asyncio
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sfa import weights
from sfa.weights import MODELS, Released, WeightsError

BODY = bytes(range(256)) * 4000
NAME = f"folder/abcd1234-{hashlib.sha256(BODY).hexdigest()[:8]}.th"


class Server:
    """A web server with one file, which it can break off, refuse or replace."""

    def __init__(self) -> None:
        self.body, self.cut, self.status, self.ranges = BODY, 0, 200, True
        self.seen: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(head=True)

            def do_GET(self) -> None:
                self.answer(head=False)

            def answer(self, head: bool) -> None:
                asked = self.headers.get("range", "")
                if not head:
                    outer.seen.append(asked)
                start = int(asked[6:-1]) if asked and outer.ranges else 0
                body = outer.body[start:]
                status = 206 if start and outer.status == 200 else outer.status
                if outer.status == 200 and asked and outer.ranges and not body:
                    status = 416
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if head:
                    return
                cut, outer.cut = outer.cut, 0
                self.wfile.write(body[:cut] if cut else body)
                if cut:
                    self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(weights, "MODELS", {**MODELS, "small": Released((NAME,), "segment: 4\n")})
    server = Server()
    yield server
    server.close()


def target(folder: Path) -> Path:
    return folder / Path(NAME).name


async def test_it_comes_whole_with_its_definition(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = tmp_path / "models"
    assert not weights.available("small", folder)
    await weights.fetch("small", folder, lambda *pair: told.append(pair), server.base)
    assert weights.available("small", folder)
    assert target(folder).read_bytes() == BODY
    assert (folder / "small.yaml").read_text() == "models: ['abcd1234']\nsegment: 4\n"
    assert told[-1] == (len(BODY), len(BODY))
    assert not list(folder.glob("*.part"))
    await weights.fetch("small", folder, base=server.base)
    assert len(server.seen) == 1


async def test_a_broken_download_is_resumed(server: Server, tmp_path: Path) -> None:
    server.cut = 300_000
    await weights.fetch("small", tmp_path, base=server.base)
    assert target(tmp_path).read_bytes() == BODY
    assert server.seen[0] == ""
    assert server.seen[1].startswith("bytes=")


async def test_what_an_earlier_process_left_is_resumed(server: Server, tmp_path: Path) -> None:
    part = tmp_path / (target(tmp_path).name + ".part")
    part.write_bytes(BODY[:1000])
    await weights.fetch("small", tmp_path, base=server.base)
    assert server.seen == ["bytes=1000-"]
    assert target(tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("kept", [1000, len(BODY)])
async def test_a_server_without_ranges_starts_again(
    server: Server, tmp_path: Path, kept: int
) -> None:
    server.ranges = False
    (tmp_path / (target(tmp_path).name + ".part")).write_bytes(BODY[:kept])
    await weights.fetch("small", tmp_path, base=server.base)
    assert target(tmp_path).read_bytes() == BODY


async def test_a_part_that_is_whole_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / (target(tmp_path).name + ".part")).write_bytes(BODY)
    await weights.fetch("small", tmp_path, base=server.base)
    assert target(tmp_path).read_bytes() == BODY


async def test_another_hash_is_thrown_away(server: Server, tmp_path: Path) -> None:
    server.body = b"x" + BODY[1:]
    with pytest.raises(WeightsError, match="another hash"):
        await weights.fetch("small", tmp_path, base=server.base)
    assert not list(tmp_path.glob("*.part"))
    assert not weights.available("small", tmp_path)
    server.body = BODY
    await weights.fetch("small", tmp_path, base=server.base)
    assert weights.available("small", tmp_path)


async def test_a_refusal_is_told(server: Server, tmp_path: Path) -> None:
    server.status = 403
    with pytest.raises(WeightsError, match="answered 403"):
        await weights.fetch("small", tmp_path, base=server.base)


async def test_two_at_once_fetch_once(server: Server, tmp_path: Path) -> None:
    both = (weights.fetch("small", tmp_path, base=server.base) for _ in range(2))
    await asyncio.gather(*both)
    assert len(server.seen) == 1


async def test_offline_fails_at_once_and_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{unused.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(WeightsError, match="spectral"):
            await weights.fetch("htdemucs", tmp_path, base=base)
        assert not weights.reachable(base=base)
        assert "cannot be reached" in await weights.problem("htdemucs", base)
        assert time.monotonic() - started < 2


async def test_a_server_that_never_answers_is_known_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        assert not weights.reachable(0.3, base)
        assert await weights.problem("htdemucs", base, 0.3)
        assert time.monotonic() - started < 2


async def test_a_server_that_answers_is_no_problem(server: Server) -> None:
    assert weights.reachable(base=server.base)
    assert await weights.problem("htdemucs", server.base) == ""


async def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there are htdemucs"):
        await weights.fetch("nonesuch", tmp_path)
    assert "nonesuch" in await weights.problem("nonesuch")


def test_a_users_own_bag_is_available(tmp_path: Path) -> None:
    assert not weights.available("mine", tmp_path)
    (tmp_path / "mine.yaml").write_text("models:\n- one\n- two\nweights:\n- - 1.0\n  - 0.5\n")
    (tmp_path / "one-00000000.th").touch()
    assert not weights.available("mine", tmp_path)
    (tmp_path / "two-00000000.th").touch()
    assert weights.available("mine", tmp_path)
    assert weights.available("one", tmp_path)
    assert not weights.available("htdemucs", tmp_path)


@pytest.mark.parametrize("name", MODELS)
def test_the_catalogue_is_demucs_own(name: str) -> None:
    import yaml
    from demucs.pretrained import REMOTE_ROOT, _parse_remote_files

    files = _parse_remote_files(REMOTE_ROOT / "files.txt")
    theirs = yaml.safe_load((REMOTE_ROOT / f"{name}.yaml").read_text())
    assert yaml.safe_load(MODELS[name].definition) == theirs
    urls = [files[signature] for signature in theirs["models"]]
    assert [weights.PUBLISHER + file for file in MODELS[name].files] == urls
