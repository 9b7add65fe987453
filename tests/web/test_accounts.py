"""Accounts as a browser sees them: passwords, links by mail, sessions, API tokens, the audit log, limits."""

import re
from dataclasses import replace

import httpx
import pytest
from starlette.testclient import TestClient

from sfa.config import Config
from sfa.vault import Vault
from sfa.web.app import create_app
from tests.web.conftest import ADDRESS, Served, sign_in_token
from tests.web.rows import World

PASSWORD = "three words that rhyme"
OWNER = "owner@localhost"


def client(config: Config, **more: object) -> TestClient:
    headers = {
        "sec-fetch-site": "same-origin",
        "user-agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0",
    }
    app = create_app(replace(config, **more))  # type: ignore[arg-type]
    return TestClient(app, base_url=ADDRESS, headers=headers, follow_redirects=False)


def set_password(owner: TestClient, password: str = PASSWORD, **more: str) -> int:
    form = {"password": password, "again": password, **more}
    return owner.post("/account/password", data=form).status_code


def sign_in(
    someone: TestClient, email: str = OWNER, password: str = PASSWORD, wanted: str = "/"
) -> int:
    form = {"email": email, "password": password, "wanted": wanted}
    return someone.post("/sign-in", data=form).status_code


def test_a_password_lets_in_and_leads_on(owner: TestClient, web_config: Config) -> None:
    assert set_password(owner) == 303
    with client(web_config) as other:
        page = other.get("/jobs?status=failed")
        assert page.status_code == 401
        assert 'value="/jobs?status=failed"' in page.text, "the way back is kept"
        assert sign_in(other, password="wrong words altogether") == 401
        assert sign_in(other, "nobody@example.org") == 401
        assert other.get("/").status_code == 401
        form = {"email": OWNER.upper(), "password": PASSWORD, "wanted": "/jobs?status=failed"}
        answer = other.post("/sign-in", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?status=failed")
        assert other.get("/").status_code == 200
        assert other.get("/sign-in").headers["location"] == "/"


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/a\r\nb", ""],
)
def test_nobody_is_sent_elsewhere(owner: TestClient, web_config: Config, wanted: str) -> None:
    set_password(owner)
    with client(web_config) as other:
        form = {"email": OWNER, "password": PASSWORD, "wanted": wanted}
        assert other.post("/sign-in", data=form).headers["location"] == "/"


def test_a_wrong_password_and_an_unknown_address_look_the_same(
    owner: TestClient, web_config: Config
) -> None:
    set_password(owner)
    with client(web_config) as other:
        form = {"email": "x@example.org", "password": "wrong words altogether"}
        unknown = other.post("/sign-in", data=form).text
        wrong = other.post("/sign-in", data=form | {"email": OWNER}).text
    assert unknown.replace("x@example.org", OWNER) == wrong


def test_who_is_suspended_or_never_confirmed_has_no_password_that_works(
    owner: TestClient, web_config: Config, world: World
) -> None:
    set_password(owner)
    for change in ("status = 'suspended'", "status = 'active', confirmed_at = NULL"):
        world.connection.execute(f"UPDATE users SET {change}".encode())
        with client(web_config) as other:
            assert sign_in(other) == 401


def test_another_password_needs_the_old_one_and_ends_the_other_sessions(
    owner: TestClient, web_config: Config, world: World
) -> None:
    assert set_password(owner, again="something else entirely") == 422
    assert set_password(owner, "short", again="short") == 422
    assert set_password(owner) == 303
    with client(web_config) as other:
        assert sign_in(other) == 303
        new = "four words that do not"
        assert set_password(other, new, current="not the old one") == 422
        assert set_password(other, new, current=PASSWORD) == 303
        assert other.get("/").status_code == 200
        assert owner.get("/").status_code == 401, "the other session has ended"
        # By a link, as who forgot it comes in; an hour later that is no proof any more.
        other.cookies.clear()
        dsn = web_config.database_url
        assert other.get(f"/sign-in/{sign_in_token(dsn)}").status_code == 303
        assert set_password(other) == 303
        world.connection.execute("UPDATE user_tokens SET inserted_at = now() - interval '1 hour'")
        assert set_password(other, new) == 422


def test_sessions_are_seen_and_ended_by_their_user_only(
    owner: TestClient, web_config: Config, world: World
) -> None:
    with client(web_config) as other:
        assert other.get(f"/sign-in/{sign_in_token(web_config.database_url)}").status_code == 303
        page = owner.get("/account").text
        assert "Firefox on Linux" in page
        found = re.search(r'action="/account/sessions/([\w-]+)"', page)
        assert found
        stranger = world.one("INSERT INTO users (email) VALUES ('other@example.org') RETURNING id")[
            "id"
        ]
        with client(web_config) as third:
            third.get(f"/sign-in/{sign_in_token(web_config.database_url, stranger)}")
            assert third.post(f"/account/sessions/{found[1]}").status_code == 404
            assert "Firefox" in third.get("/account").text
        assert other.get("/").status_code == 200
        assert owner.post(f"/account/sessions/{found[1]}").status_code == 303
        assert other.get("/").status_code == 401
        assert owner.get("/").status_code == 200
    mine = world.one("SELECT id FROM user_tokens WHERE context = 'session' AND user_id = 1")["id"]
    assert owner.post(f"/account/sessions/{mine}").status_code == 409


def test_ending_all_others_leaves_this_one_and_no_link(
    owner: TestClient, web_config: Config, world: World
) -> None:
    link = sign_in_token(web_config.database_url)
    with client(web_config) as other:
        other.get(f"/sign-in/{sign_in_token(web_config.database_url)}")
        assert owner.post("/account/sessions").status_code == 303
        assert other.get("/").status_code == 401
        assert other.get(f"/sign-in/{link}").status_code == 401
    assert owner.get("/account?said=ended").status_code == 200


def test_a_token_is_shown_once_and_kept_as_a_hash(owner: TestClient, world: World) -> None:
    form = {"name": "tracker", "scope": ["read", "write"], "days": "30"}
    made = owner.post("/account/tokens", data=form)
    assert made.status_code == 201
    found = re.search(r'id="fresh-token">(sfa_[\w-]{43})<', made.text)
    assert found
    page = owner.get("/account").text
    assert "tracker" in page
    assert found[1] not in page
    row = world.one("SELECT * FROM user_tokens WHERE context = 'api'")
    assert found[1] not in str(row)
    assert (row["scopes"], (row["expires_at"] - row["inserted_at"]).days) == (["read", "write"], 30)
    assert owner.post(f"/account/tokens/{row['id']}").status_code == 303
    assert "tracker" not in owner.get("/account").text


@pytest.mark.parametrize(
    "form",
    [
        {"name": "x", "days": "30"},
        {"name": "x", "scope": "everything"},
        {"name": "", "scope": "read"},
        {"name": "x" * 101, "scope": "read"},
        {"name": "x", "scope": "read", "days": "-1"},
        {"name": "x", "scope": "read", "days": "99999"},
        {"name": "a\x00b", "scope": "read"},
    ],
)
def test_what_is_no_token_is_refused(owner: TestClient, world: World, form: dict[str, str]) -> None:
    assert owner.post("/account/tokens", data=form).status_code == 422
    assert world.one("SELECT count(*) AS n FROM user_tokens WHERE context = 'api'")["n"] == 0


def test_a_user_makes_no_token_that_steers(web_config: Config, world: World) -> None:
    other = world.one("INSERT INTO users (email) VALUES ('other@example.org') RETURNING id")["id"]
    with client(web_config) as someone:
        someone.get(f"/sign-in/{sign_in_token(web_config.database_url, other)}")
        form = {"name": "x", "scope": "admin", "days": "30"}
        assert someone.post("/account/tokens", data=form).status_code == 422
        assert someone.get("/audit").status_code == 403
        assert someone.get("/mailbox").status_code == 403
        assert 'value="admin"' not in someone.get("/account").text


def test_a_mailed_link_asks_before_it_is_used(web_config: Config, world: World) -> None:
    with client(web_config, smtp_url="smtp://mail.example.org") as someone:
        assert "Mail me a link" in someone.get("/").text
        for email in (OWNER, "nobody@example.org"):
            answer = someone.post("/sign-in/link", data={"email": email})
            assert answer.status_code == 200
            assert email in answer.text
        mail = world.one("SELECT * FROM mails")
        assert (mail["recipient"], mail["status"], mail["user_id"]) == (OWNER, "waiting", 1)
        link = mailed_link(web_config, world)
        assert link.startswith(f"{ADDRESS}/sign-in/")
        assert "Sign in here" in someone.get(link).text, (
            "a mail program that opens it uses nothing up"
        )
        assert someone.post(link.removesuffix("?ask")).status_code == 303
        assert someone.get("/").status_code == 200


def mailed_link(config: Config, world: World) -> str:
    """The link in the newest mail, whose text only the key ring opens."""
    import asyncio

    from sfa.db import Database
    from sfa.mail import text_name

    mail = world.one("SELECT * FROM mails ORDER BY inserted_at DESC LIMIT 1")
    assert "sign-in/" not in str(
        world.one("SELECT * FROM secrets ORDER BY inserted_at DESC LIMIT 1")
    )

    async def read() -> str:
        database = Database(config.database_url, size=1)
        await database.open()
        try:
            async with database.session() as session:
                secret = await Vault(config).get(session, None, text_name(mail["id"]))
        finally:
            await database.close()
        assert secret is not None
        return secret.reveal()

    found = re.search(r"http\S+", asyncio.run(read()))
    assert found
    return found[0]


def test_sign_up_is_closed_unless_it_is_opened(web_config: Config, world: World) -> None:
    with client(web_config) as someone:
        assert someone.get("/sign-up").status_code == 404
        assert someone.post("/sign-up", data={"email": "new@example.org"}).status_code == 404
        assert "/sign-up" not in someone.get("/sign-in").text
    with client(web_config, sign_up=True) as someone:
        assert "/sign-up" in someone.get("/sign-in").text
        assert someone.post("/sign-up", data={"email": "no address"}).status_code == 422
        new = someone.post("/sign-up", data={"email": "new@example.org"})
        assert new.status_code == 200
        row = world.one("SELECT role, confirmed_at FROM users WHERE email = 'new@example.org'")
        assert row == {"role": "user", "confirmed_at": None}
        link = mailed_link(web_config, world)
        assert someone.post(link.removesuffix("?ask")).status_code == 303
        assert someone.get("/").status_code == 200
        assert world.one("SELECT count(*) AS n FROM users WHERE confirmed_at IS NULL")["n"] == 0
        # The same address again: the same words, no second account.
        someone.cookies.clear()
        again = someone.post("/sign-up", data={"email": "New@Example.org"})
        assert again.text.replace("New@Example.org", "new@example.org") == new.text
        assert world.one("SELECT count(*) AS n FROM users")["n"] == 2


def test_the_audit_log_says_who_and_from_where_and_no_secret(owner: TestClient) -> None:
    set_password(owner)
    owner.post("/account/tokens", data={"name": "nightly", "scope": "read", "days": "30"})
    page = owner.get("/audit").text
    for action in ("session.start", "password.set", "token.make"):
        assert action in page
    assert "testclient" in page
    assert PASSWORD not in page
    assert "token.make" not in owner.get("/audit?action=password.set").text.partition("</h1>")[2]
    assert owner.get("/audit?before=nonsense").status_code == 200


def test_passwords_cannot_be_tried_for_ever(owner: TestClient, web_config: Config) -> None:
    set_password(owner)
    with client(web_config) as other:
        answers = [sign_in(other, password=f"guess number {n}") for n in range(12)]
        assert answers == [401] * 10 + [429] * 2
        refused = other.post("/sign-in", data={"email": OWNER, "password": PASSWORD})
        assert refused.status_code == 429, "not even the right one"
        assert int(refused.headers["retry-after"]) > 0
    with client(web_config, rate_limit=0) as other:
        assert [sign_in(other, password=f"guess number {n}") for n in range(11)] == [401] * 11


def test_mails_cannot_be_asked_for_without_end(web_config: Config, world: World) -> None:
    with client(web_config) as other:
        asked = [other.post("/sign-in/link", data={"email": OWNER}).status_code for _ in range(5)]
    assert asked == [200] * 3 + [429] * 2
    assert world.one("SELECT count(*) AS n FROM mails")["n"] == 3


def test_a_public_name_is_known_and_stands_in_links(web_config: Config, world: World) -> None:
    public = "https://music.example.org"
    with client(web_config, public_url=public) as someone:
        hosts = {"host": "music.example.org"}
        assert someone.get("/sign-in", headers=hosts).status_code == 200
        assert someone.get("/sign-in", headers={"host": "evil.example"}).status_code == 421
        someone.post("/sign-in/link", data={"email": OWNER})
        assert mailed_link(web_config, world).startswith(f"{public}/sign-in/")


@pytest.mark.parametrize("end", ["suspend", "session"])
def test_open_pages_of_who_is_shown_out_close_at_once(
    served: Served, world: World, web_config: Config, end: str
) -> None:
    """By the bell alone: the next look without one is an hour away."""
    served.hub.beat = 3600.0
    headers = {"sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=served.address, headers=headers, timeout=60) as browser:
        browser.get(f"/sign-in/{sign_in_token(web_config.database_url)}")
        with browser.stream("GET", "/events?page=home") as stream:
            lines = stream.iter_lines()
            assert any(line.startswith("data:") for line in lines)
            world.connection.execute(
                b"UPDATE users SET status = 'suspended'"
                if end == "suspend"
                else b"DELETE FROM user_tokens WHERE context = 'session'"
            )
            assert "event: sfa-signed-out" in list(lines), "and then it ends"
