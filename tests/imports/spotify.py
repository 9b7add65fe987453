"""A stand-in for Spotify on this machine: accounts, the Web API with paging and 429, embed pages; it keeps books."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


def ident(number: int, letter: str = "t") -> str:
    return f"{letter}{number:021d}"


def track(number: int) -> dict[str, Any]:
    return {
        "type": "track", "id": ident(number), "name": f"Song {number}", "duration_ms": 200_000 + number,
        "artists": [{"name": "The Testers"}, {"name": "A Guest"}], "is_local": False, "track_number": 1,
        "external_ids": {"isrc": f"XX{number:010d}"},
        "album": {"id": ident(1, "a"), "name": "An Album", "artists": [{"name": "The Testers"}], "images": []},
    }  # fmt: skip


class Spotify:
    """The stand-in; it answers 429 to the next ``busy`` further pages, and holds them back while ``hold`` is clear."""

    def __init__(self) -> None:
        self.books: Counter[str] = Counter()
        self.playlist: list[dict[str, Any] | None] = [track(n) for n in range(120)]
        self.busy = 0
        self.retry_after = "7"
        self.hold = threading.Event()
        self.hold.set()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.answer(self)

            def do_POST(self) -> None:
                owner.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers.get("content-length") or 0))
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.books[request.path] += 1
        headers: dict[str, str] = {}
        status, body = self._body(parts.path, query, headers)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def _body(self, path: str, query: dict[str, str], headers: dict[str, str]) -> tuple[int, Any]:
        if path == "/api/token":
            return 200, {"access_token": "secret", "expires_in": 3600}
        if path.startswith("/embed/"):
            return 200, self._embed()
        offset = int(query.get("offset", 0))
        if offset:
            self.hold.wait(60)
            if self.busy:
                self.busy -= 1
                headers["Retry-After"] = self.retry_after
                return 429, {}
        match path.strip("/").split("/"):
            case ["tracks", _]:
                return 200, track(1)
            case ["playlists", name] if name == ident(1, "p"):
                return 200, {
                    "name": "A list",
                    "owner": {"display_name": "Somebody"},
                    "tracks": self._page(0),
                }
            case ["playlists", _, "tracks"]:
                return 200, self._page(offset)
        return 404, {}

    def _page(self, offset: int, size: int = 50) -> dict[str, Any]:
        entries = [{"track": entry} for entry in self.playlist[offset : offset + size]]
        following = "more" if offset + size < len(self.playlist) else None
        return {"items": entries, "next": following, "total": len(self.playlist)}

    def _embed(self) -> bytes:
        listed = [
            {"uri": f"spotify:track:{ident(n)}", "title": f"Song {n}", "subtitle": "The Testers,\u00a0A Guest",
             "duration": 200_000, "isPlayable": n != 1}
            for n in range(3)
        ]  # fmt: skip
        entity = {"name": "A list", "subtitle": "Somebody", "trackList": listed}
        state = {"props": {"pageProps": {"state": {"data": {"entity": entity}}}}}
        return (
            '<html><script id="__NEXT_DATA__" type="application/json">'
            + json.dumps(state)
            + "</script></html>"
        ).encode()
