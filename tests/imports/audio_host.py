"""A stand-in for the hosts that audio comes from: honest ones, slow, broken, huge and lying ones; it keeps books."""

from __future__ import annotations

import io
import json
import socket
import struct
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import soundfile

PIECE = 1 << 14


@cache
def sound(seconds: float, form: str = "WAV", pitch: int = 220) -> bytes:
    """A tone that never repeats itself; another pitch is another file."""
    moment = np.arange(int(44100 * seconds)) / 44100
    buffer = io.BytesIO()
    wave = 0.3 * np.sin(2 * np.pi * (pitch + 40 * moment) * moment)
    soundfile.write(buffer, np.stack([wave, wave], 1), 44100, format=form)
    return buffer.getvalue()


@cache
def cover(size: int = 8) -> bytes:
    """A real PNG picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(b"\0" + bytes([200, 40, 90]) * size for _ in range(size))
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


class AudioHost:
    """The stand-in. ``files`` are served at their paths; other paths misbehave as their names say.

    ``sent`` counts the bytes of each path that a client really took, ``asked`` the requests with their Range.
    ``gate`` holds everything that is fetched from /slow back after its first half; /drip comes a little at a time.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.results: list[dict[str, object]] = []
        self.sent: Counter[str] = Counter()
        self.asked: defaultdict[str, list[str]] = defaultdict(list)
        self.searches: list[str] = []
        self.statuses: dict[str, int] = {}
        self.moved: dict[str, str] = {}
        self.whole: set[str] = set()
        self.gate = threading.Event()
        self.reached = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                # What lies in the system's own buffers would be counted as taken.
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE)
                super().setup()

            def do_HEAD(self) -> None:
                owner.answer(self, False)

            def do_GET(self) -> None:
                owner.answer(self, True)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def running(self) -> Iterator[AudioHost]:
        thread = threading.Thread(target=partial(self.server.serve_forever, poll_interval=0.01))
        thread.start()
        try:
            yield self
        finally:
            self.gate.set()
            self.server.shutdown()
            thread.join()
            self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, wanted: bool) -> None:
        request.close_connection = True
        parts = urlsplit(request.path)
        path, ranged = unquote(parts.path), request.headers.get("range", "")
        if path == "/search":
            self.searches.append(unquote(parse_qs(parts.query)["q"][0]))
            return self._body(request, path, 200, json.dumps(self._results()).encode(), {}, wanted)
        if wanted:
            self.asked[path].append(ranged)
        if path in self.moved:
            return self._body(request, path, 302, b"", {"Location": self.moved[path]}, wanted)
        if (status := self.statuses.get(path)) is not None:
            return self._body(request, path, status, b"", {}, wanted)
        data = self.files.get(path)
        if data is None:
            return self._body(request, path, 404, b"", {}, wanted)
        headers = {"ETag": f'"{zlib.crc32(data)}"', "Accept-Ranges": "bytes"}
        if path.endswith(".png"):
            return self._body(request, path, 200, data, {"Content-Type": "image/png"}, wanted)
        headers["Content-Type"] = "audio/mpeg" if path.endswith(".mp3") else "audio/x-wav"
        status, start = 200, 0
        if ranged and request.headers.get("if-range", headers["ETag"]) == headers["ETag"]:
            start = int(ranged.removeprefix("bytes=").split("-")[0])
            if start >= len(data):
                headers["Content-Range"] = f"bytes */{len(data)}"
                return self._body(request, path, 416, b"", headers, wanted)
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return self._body(request, path, status, data[start:], headers, wanted)

    def _results(self) -> list[dict[str, object]]:
        """What fits the last search; a result that is ``forced`` fits every one."""
        term = self.searches[-1]
        return [
            result
            for result in self.results
            if result.get("forced") or str(result["name"]).lower() in term
        ]

    def _body(
        self, request: BaseHTTPRequestHandler, path: str, status: int, data: bytes, headers: dict[str, str], wanted: bool
    ) -> None:  # fmt: skip
        told = len(data)
        if path.startswith("/huge"):
            told = 5_000_000_000
        elif path.startswith("/broken") and path not in self.whole:
            data = data[: len(data) // 2]
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(told))
        request.end_headers()
        if not wanted:
            return
        try:
            for at in range(0, len(data), PIECE):
                if path.startswith("/slow") and at * 2 >= len(data) and not self.gate.is_set():
                    request.wfile.flush()
                    self.reached.set()
                    self.gate.wait(120)
                if path.startswith("/drip"):
                    time.sleep(0.02)
                piece = data[at : at + PIECE]
                request.wfile.write(piece)
                self.sent[path] += len(piece)
        except OSError:
            return
