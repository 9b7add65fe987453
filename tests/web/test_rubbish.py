"""Rubbish at every address: nothing breaks, and no answer shows a path, a statement, a secret or a trace.

The rubbish is drawn with a fixed seed; what a test found is the seed and the request.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from sfa.config import Config
from sfa.web.app import create_app
from tests.web.checked import token
from tests.web.conftest import ADDRESS, Served, sign_in_token
from tests.web.rows import World

NASTY = [
    "", " ", "0", "-1", "1e400", "NaN", "null", "true", "[]", "{}", "\x00", "a\x00b", "\r\nX: y", "'", '"', "';--",
    "%", "%00", "%zz", "..", "../../etc/passwd", "\\..\\", "/", "//evil.example", "🎵", "\u202e", "\ud7ff", "ß" * 300,
    "x" * 5000, "9" * 400, "²", "١٢", "00000000-0000-0000-0000-000000000000", "2036-13-45T99:99:99Z", "{{7*7}}", "<script>",
    "${jndi:x}", "💥" * 50, "infinity", "0001-01-01T00:00:00Z", "-infinity", "1.5", "+5",
]  # fmt: skip
NAMES = [
    "q", "status", "kind", "detail", "since", "before", "after", "limit", "page", "job", "track", "id", "said", "model", "verb", "name",
    "email", "password", "again", "scope", "days", "wanted", "at", "end", "type", "label", "factor", "taps", "reason", "concurrency",
    "sort", "action", "download",
]  # fmt: skip
# What no answer may hold: places of this machine, statements, traces.
LEAKS = re.compile(
    r"Traceback|File \"|psycopg|/tmp/|/root/|/home/|/work/|site-packages|SELECT .* FROM|INSERT INTO|\.py\b|jinja2|starlette",
    re.I,
)


def shown(answer: Any) -> str:
    """The answer's text without the names of built files and of examples in pages."""
    return "" if "audio" in answer.headers.get("content-type", "") else str(answer.text)


@pytest.fixture
def nobody_s_limits(web_config: Config, world: World) -> Iterator[TestClient]:
    """The owner without rate limits; an exception that nobody caught is a failure."""
    app = create_app(replace(web_config, rate_limit=0))
    headers = {"sec-fetch-site": "same-origin"}
    with TestClient(app, base_url=ADDRESS, headers=headers, follow_redirects=False) as client:
        client.get(f"/sign-in/{sign_in_token(web_config.database_url)}")
        client.headers["authorization"] = f"Bearer {token(world)}"
        yield client


@pytest.mark.parametrize("seed", range(4))
def test_rubbish_breaks_nothing(nobody_s_limits: TestClient, world: World, seed: int) -> None:
    draw = random.Random(seed)
    track = world.done_track("Rubbish", seconds=1)
    client = nobody_s_limits
    assert isinstance(client.app, Starlette)
    routes = [
        (method, route.path)
        for route in client.app.routes
        if isinstance(route, Route)
        for method in sorted(route.methods or ())
        if not route.path.startswith("/spotify")
        if not route.path.endswith(("/events", "sign-out", "/account/sessions"))
    ]
    for method, path in routes * 3:
        filled = path.replace("{id}", track) if draw.random() < 0.5 else path
        filled = re.sub(r"{\w+(:\w+)?}", lambda _: quote(draw.choice(NASTY[1:]), safe=""), filled)
        query = {draw.choice(NAMES): draw.choice(NASTY) for _ in range(draw.randrange(3))}
        sent: dict[str, Any] = {}
        if method not in ("GET", "HEAD"):
            fields = {draw.choice(NAMES): draw.choice(NASTY) for _ in range(draw.randrange(5))}
            sent = draw.choice(
                [
                    {"data": fields},
                    {"json": fields},
                    {"json": [fields]},
                    {"json": {"kind": draw.choice(NASTY), "args": {"track_id": track, draw.choice(NAMES): draw.choice([1e308, None, [], {}, "x"])}}},
                    {"content": draw.randbytes(200), "headers": {"content-type": draw.choice(["application/json", "multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "audio/mpeg", "x"])}},
                    {"files": {draw.choice(["file", "x"]): (draw.choice(NASTY[2:]) or "f", draw.randbytes(50))}},
                ]
            )  # fmt: skip
        answer = client.request(method, filled, params=query, **sent)
        said = (
            f"seed {seed}: {method} {filled[:200]} {query} {str(sent)[:300]} → {answer.status_code}"
        )
        assert answer.status_code < 500, said
        if answer.status_code >= 400:
            assert LEAKS.findall(shown(answer)) == [], said
    assert client.get("/").status_code == 200, "and it is still there"


@pytest.mark.parametrize(
    "headers",
    [
        {"cookie": "sfa_session=" + "x" * 8000},
        {"cookie": "sfa_session=\x01; lang=../../x; theme=<script>"},
        {"authorization": "Bearer " + "y" * 8000},
        {"authorization": "Bearer"},
        {"authorization": "Basic Zm9vOmJhcg=="},
        {"accept-language": "de;q=x," * 500},
        {"accept": "text/html" * 500},
        {"content-length": "-1"},
        {"content-type": "multipart/form-data; boundary=" + "b" * 4000},
        {"range": "bytes=" + "0-1," * 1000},
        {"host": "127.0.0.1:4000, evil.example"},
        {"x-forwarded-for": "'; DROP TABLE users;--"},
        {"user-agent": "\x7f" * 3000},
        {"idempotency-key": "k" * 5000},
        {"x-filename": "%00%ff%fe"},
    ],
)
def test_odd_headers_break_nothing(
    served: Served, web_config: Config, headers: dict[str, str]
) -> None:
    """Over the real wire, as the server's own parser sees them."""
    link = f"{served.address}/sign-in/{sign_in_token(web_config.database_url)}"
    with httpx.Client(headers={"sec-fetch-site": "same-origin"}, timeout=30) as browser:
        cookie = browser.get(link).cookies.get("sfa_session")
        for method, path in (
            ("GET", "/"),
            ("POST", "/tracks"),
            ("GET", "/api/v1/tracks"),
            ("POST", "/sign-in"),
            ("GET", "/metrics"),
        ):
            sent = {"cookie": f"sfa_session={cookie}"} | headers
            try:
                answer = browser.request(method, f"{served.address}{path}", headers=sent)
            except (
                httpx.RemoteProtocolError,
                httpx.LocalProtocolError,
                httpx.WriteError,
                httpx.ReadError,
            ):
                continue
            assert answer.status_code < 500, f"{method} {path} {headers}: {answer.status_code}"
            assert not LEAKS.search(answer.text) or answer.status_code < 400
        assert browser.get(f"{served.address}/health").status_code == 200


def test_what_nobody_foresaw_shows_nothing(
    web_config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake of ours is a sentence, for people and for programs; the log has the rest."""
    from sfa.web.pages.home import Home

    async def explode(*_: object) -> None:
        raise ZeroDivisionError("postgresql://user:hunter2@host/db in /root/secret.py")

    monkeypatch.setattr(Home, "load", explode)
    app = create_app(web_config)
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as client:
        client.get(f"/sign-in/{sign_in_token(web_config.database_url)}")
        answer = client.get("/")
    assert answer.status_code == 500
    assert "It was written to the server" in answer.text
    assert "hunter2" not in answer.text
    assert "secret.py" not in answer.text
    assert "ZeroDivisionError" in caplog.text
