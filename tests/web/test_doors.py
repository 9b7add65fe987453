"""Who gets in, from where, and to what: sessions, origins, hosts, owners, headers."""

import psycopg
import pytest
from starlette.testclient import TestClient

from tests.web.conftest import sign_in_token
from tests.web.rows import World

PATHS = [
    "/",
    "/tracks",
    "/tracks/00000000-0000-0000-0000-000000000000",
    "/events?page=home",
    "/media/stems/x",
    "/nothing",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_stranger_sees_the_sign_in_page_only(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 401
    assert "prints a link that lets you in" in answer.text
    assert "hx-sse" not in answer.text


def test_a_stranger_changes_nothing(stranger: TestClient, world: World) -> None:
    track = world.track()
    assert stranger.post("/tracks", content=b"RIFF").status_code == 401
    assert stranger.post(f"/tracks/{track}/delete").status_code == 401
    assert world.one("SELECT count(*) AS n FROM tracks")["n"] == 1


def test_a_link_works_once(stranger: TestClient, dsn: str) -> None:
    link = f"/sign-in/{sign_in_token(dsn)}"
    assert stranger.head(link).status_code == 204, "a preview does not use it up"
    assert stranger.get(link, headers={"sec-purpose": "prefetch"}).status_code == 204
    first = stranger.get(link)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert stranger.get("/").status_code == 200
    assert stranger.get(link).status_code == 303, "in the browser it signed in it just goes on"
    stranger.cookies.clear()
    assert stranger.get(link).status_code == 401
    assert stranger.get("/").status_code == 401


def test_an_old_link_and_a_made_up_one_do_not_work(
    stranger: TestClient, world: World, dsn: str
) -> None:
    token = sign_in_token(dsn)
    world.connection.execute("UPDATE user_tokens SET expires_at = now() - interval '1 second'")
    assert stranger.get(f"/sign-in/{token}").status_code == 401
    assert stranger.get("/sign-in/made-up").status_code == 401


def test_the_database_keeps_no_token(owner: TestClient, world: World) -> None:
    token = owner.cookies["sfa_session"]
    row = world.one(
        "SELECT encode(token_hash, 'escape') || encode(token_hash, 'hex') AS kept FROM user_tokens WHERE context = 'session'"
    )
    assert token not in row["kept"]


def test_signing_out_and_suspension_end_the_session(owner: TestClient, world: World) -> None:
    token = owner.cookies["sfa_session"]
    assert owner.post("/sign-out").status_code == 303
    owner.cookies.set("sfa_session", token)
    assert owner.get("/").status_code == 401


def test_a_suspended_user_is_out_at_once(owner: TestClient, world: World) -> None:
    assert owner.get("/").status_code == 200
    world.connection.execute("UPDATE users SET status = 'suspended'")
    assert owner.get("/").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "", "origin": "http://127.0.0.1:4000"}, 403),
    ],
)
def test_changes_come_from_own_pages_only(
    owner: TestClient, world: World, headers: dict[str, str], status: int
) -> None:
    assert owner.post(f"/tracks/{world.track()}/delete", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://127.0.0.1:4000", 303), ("http://evil.example", 403), (None, 403)],
)
def test_without_fetch_metadata_the_origin_decides(
    owner: TestClient, world: World, origin: str | None, status: int
) -> None:
    del owner.headers["sec-fetch-site"]
    headers = {"origin": origin} if origin else {}
    assert owner.post(f"/tracks/{world.track()}/delete", headers=headers).status_code == status


def test_a_foreign_host_gets_nothing(owner: TestClient) -> None:
    assert owner.get("/", headers={"host": "rebound.example:4000"}).status_code == 421
    assert owner.get("/", headers={"host": "localhost:4000"}).status_code in (200, 401)
    assert owner.get("/health", headers={"host": "[::1]:4000"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/static/dist/nothing.js"])
def test_every_answer_is_guarded(owner: TestClient, path: str) -> None:
    headers = owner.get(path).headers
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_pages_hold_no_inline_script_or_style(owner: TestClient, world: World) -> None:
    track = world.done_track()
    for path in ("/", "/tracks", f"/tracks/{track}"):
        text = owner.get(path).text
        assert "<style" not in text
        assert " style=" not in text
        assert "onclick" not in text
        assert text.count("<script") == text.count('<script type="module" src=')


def test_what_belongs_to_another_is_not_there(owner: TestClient, world: World) -> None:
    other = world.one("INSERT INTO users (email) VALUES ('other@example.org') RETURNING id")["id"]
    track = world.track("Secret", user_id=other)
    job = world.job(track)
    stem = world.stems(track, job)[0]
    world.analysis(track)
    for path in (
        f"/tracks/{track}", f"/tracks/{track}/mixer?job={job}", f"/tracks/{track}/analysis",
        f"/media/tracks/{track}", f"/media/stems/{stem}",
    ):  # fmt: skip
        assert owner.get(path).status_code == 404, path
    for path in (f"/jobs/{job}/cancel", f"/jobs/{job}/retry", f"/tracks/{track}/delete"):
        assert owner.post(path).status_code == 404, path
    assert owner.post(f"/tracks/{track}/separate", data={"model": "spectral"}).status_code == 404
    assert "Secret" not in owner.get("/").text + owner.get("/tracks").text
    assert world.one("SELECT status FROM processing_jobs")["status"] == "waiting"


def test_health_needs_no_session_and_tells_no_secret(stranger: TestClient, world: World) -> None:
    body = stranger.get("/health").json()
    assert body["status"] == "degraded", "no worker was seen yet"
    world.worker()
    body = stranger.get("/health").json()
    assert body == {"status": "ok", "database": "ok", "queues": body["queues"]}
    assert body["queues"]["processing"]["workers"] == 1


def test_health_says_503_while_the_database_is_away(stranger: TestClient, dsn: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    assert stranger.get("/health").status_code == 200
    with psycopg.connect(
        dsn.replace(f"dbname={name}", "dbname=postgres"), autocommit=True
    ) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        answer = stranger.get("/health")
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "database": "away"}
