"""A stand-in for Spotify on this machine: accounts, the Web API with paging and 429, embed pages; it keeps books."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


def ident(number: int, letter: str = "t") -> str:
    return f"{letter}{number:021d}"


def track(number: int, seconds: float = 200, cover: str = "") -> dict[str, Any]:
    return {
        "type": "track", "id": ident(number), "name": f"Song {number}", "duration_ms": round(seconds * 1000) + number,
        "artists": [{"name": "The Testers"}, {"name": "A Guest"}], "is_local": False, "track_number": 1,
        "external_ids": {"isrc": f"XX{number:010d}"},
        "album": {"id": ident(1, "a"), "name": "An Album", "artists": [{"name": "The Testers"}], "images": [{"url": cover, "width": 640}] if cover else []},
    }  # fmt: skip


class Spotify:
    """The stand-in; it answers 429 to the next ``busy`` further pages, and holds them back while ``hold`` is clear."""

    def __init__(self) -> None:
        self.books: Counter[str] = Counter()
        self.seconds: float = 200
        self.cover = ""
        self.playlist = self.tracks(120)
        self.codes: dict[str, dict[str, str]] = {}
        self.refreshing = ""
        self.access = ""
        self.version = "v1"
        self.changes = 0
        """How many times the playlist is changed, each after its second page was read: its first track goes."""
        self.expired = 0
        """To how many requests of the Web API the token has just ended."""
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

    def tracks(self, count: int) -> list[dict[str, Any] | None]:
        return [track(n, self.seconds, self.cover) for n in range(count)]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        sent = request.rfile.read(int(request.headers.get("content-length") or 0))
        form = {name: values[0] for name, values in parse_qs(sent.decode()).items()}
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        theirs = bool(self.access) and token == self.access
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.books[request.path] += 1
        headers: dict[str, str] = {}
        status, body = self._body(parts.path, query | form, headers, theirs)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def authorize(self, asked: dict[str, str]) -> str:
        """What the user's browser does there: look at the question, say yes, be sent back."""
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?code={code}&state={asked['state']}"

    def end_sign_in(self) -> None:
        """The user takes the sign-in back, at Spotify."""
        self.refreshing = self.access = ""

    def _token(self, form: dict[str, str]) -> tuple[int, Any]:
        if form["grant_type"] == "authorization_code":
            # A code is good once, for the redirect and the challenge that it was asked with.
            asked = self.codes.pop(form.get("code", ""), {})
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            shown = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            if (
                not asked
                or asked["code_challenge"] != shown
                or asked["redirect_uri"] != form.get("redirect_uri")
            ):
                return 400, {"error": "invalid_grant"}
        elif not self.refreshing or form.get("refresh_token") != self.refreshing:
            return 400, {"error": "invalid_grant"}
        number = self.books["/api/token"]
        self.refreshing, self.access = f"refresh-{number}", f"user-{number}"
        return 200, {
            "access_token": self.access,
            "refresh_token": self.refreshing,
            "expires_in": 3600,
            "scope": "s",
        }

    def _body(
        self, path: str, query: dict[str, str], headers: dict[str, str], theirs: bool = False
    ) -> tuple[int, Any]:
        if path == "/api/token" and query.get("grant_type") != "client_credentials":
            return self._token(query)
        if path == "/me":
            return (200, {"id": "somebody", "display_name": "Some Body"}) if theirs else (401, {})
        if path == "/api/token":
            return 200, {"access_token": "secret", "expires_in": 3600}
        if path.startswith("/embed/"):
            return 200, self._embed()
        if self.expired:
            self.expired -= 1
            return 401, {}
        offset = int(query.get("offset", 0))
        if offset:
            self.hold.wait(60)
            if self.busy:
                self.busy -= 1
                headers["Retry-After"] = self.retry_after
                return 429, {}
        match path.strip("/").split("/"):
            case ["tracks", name]:
                return 200, track(int(name[1:]), self.seconds, self.cover)
            case ["playlists", name] if name == ident(1, "p"):
                if query.get("fields"):
                    return 200, {"snapshot_id": self.version}
                return 200, {
                    "name": "A list",
                    "snapshot_id": self.version,
                    "owner": {"display_name": "Somebody"},
                    "tracks": self._page(0),
                }
            case ["playlists", name] if name == ident(2, "p") and theirs:
                return 200, {
                    "name": "Secret list",
                    "owner": {"display_name": "Some Body"},
                    "tracks": self._page(0),
                }
            case ["playlists", _, "tracks"]:
                page = self._page(offset)
                if offset == 50 and self.changes:
                    self.changes -= 1
                    self.version += "'"
                    del self.playlist[0]
                return 200, page
            case ["albums", name]:
                songs = self._page(0, bare=True)
                return 200, {
                    "id": name,
                    "name": "An Album",
                    "artists": [{"name": "The Testers"}],
                    "tracks": songs,
                    "release_date": "2024-05-06",
                    "total_tracks": len(self.playlist),
                    "images": [],
                }
            case ["albums", _, "tracks"]:
                return 200, self._page(offset, bare=True)
        return 404, {}

    def _page(self, offset: int, size: int = 50, bare: bool = False) -> dict[str, Any]:
        """A page of the list; ``bare``: as an album's tracks are told, without the album."""
        if bare:
            shown = [{k: v for k, v in (e or {}).items() if k != "album"} for e in self.playlist]
            following = "more" if offset + size < len(shown) else None
            return {"items": shown[offset : offset + size], "next": following, "total": len(shown)}
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
