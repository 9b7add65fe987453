"""The users' pages, as an administrator's browser sees them: the list, invitations, suspensions, roles, ends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from sfa.accounts import digest
from sfa.config import Config
from sfa.db import Database
from sfa.web.failures import Forbidden
from sfa.web.pages.users import Account, Users
from tests.web.checked import Checked
from tests.web.conftest import sign_in_token
from tests.web.rows import World, sound
from tests.web.test_accounts import OWNER, client, mailed_link

WHO = "singer@example.org"
TOKEN = "sfa_singer"


@dataclass
class Singer:
    """A user with a session in a browser and an API token."""

    id: int
    browser: TestClient

    @property
    def is_in(self) -> tuple[int, int]:
        """What his session and his token are answered."""
        asked = {"authorization": f"Bearer {TOKEN}"}
        page, api = self.browser.get("/"), self.browser.get("/api/v1/me", headers=asked)
        return page.status_code, api.status_code


@pytest.fixture
def singer(web_config: Config, world: World) -> Iterator[Singer]:
    """Somebody who is in."""
    user = int(world.one("INSERT INTO users (email) VALUES (%s) RETURNING id", WHO)["id"])
    with client(web_config) as browser:
        browser.get(f"/sign-in/{sign_in_token(web_config.database_url, user)}")
        world.connection.execute(
            """INSERT INTO user_tokens (user_id, context, token_hash, name, scopes)
               VALUES (%s, 'api', %s, 'nightly', '{read}')""",
            [user, digest(TOKEN)],
        )
        yield Singer(user, browser)


def steer(owner: TestClient, user: int, verb: str, sure: str = "1") -> tuple[int, str]:
    """The answer's status, and where it leads."""
    answer = owner.post(f"/users/{user}", data={"verb": verb, "sure": sure})
    return answer.status_code, answer.headers.get("location", "")


def audited(world: World) -> list[tuple[str, str, str]]:
    """Who did what to which user."""
    rows = world.connection.execute(
        "SELECT actor, action, target FROM audit_log WHERE action LIKE 'user.%' ORDER BY id"
    )
    return [(row["actor"], row["action"], row["target"]) for row in rows]


def test_a_plain_user_has_no_such_pages(singer: Singer, owner: TestClient, world: World) -> None:
    assert 'href="/users"' in owner.get("/").text
    assert 'href="/users"' not in singer.browser.get("/").text + singer.browser.get("/account").text
    for answer in (
        singer.browser.get("/users"),
        singer.browser.get("/users/1"),
        singer.browser.post("/users", data={"email": "friend@example.org"}),
        singer.browser.post("/users/1", data={"verb": "end", "sure": "1"}),
        singer.browser.post(f"/users/{singer.id}", data={"verb": "admin", "sure": "1"}),
    ):
        assert answer.status_code == 403
        assert "Only an administrator may do that." in answer.text
    assert world.one("SELECT count(*) AS n FROM users")["n"] == 2
    assert owner.get("/").status_code == 200


def test_no_change_is_made_for_another_site(
    owner: TestClient, singer: Singer, world: World
) -> None:
    foreign = {"sec-fetch-site": "cross-site"}
    suspend = {"verb": "suspend", "sure": "1"}
    asked = (("/users", {"email": "x@example.org"}), (f"/users/{singer.id}", suspend))
    for path, form in asked:
        assert owner.post(path, data=form, headers=foreign).status_code == 403
    assert singer.is_in == (200, 200)
    assert audited(world) == []


def test_the_list_pages_by_key_and_is_narrowed_by_its_address(
    owner: TestClient, world: World
) -> None:
    world.connection.execute(
        """INSERT INTO users (email, role, status) SELECT 'u' || n || '@example.org',
             (CASE WHEN n % 40 = 0 THEN 'admin' ELSE 'user' END)::user_role,
             (CASE WHEN n % 50 = 0 THEN 'suspended' ELSE 'active' END)::user_status
           FROM generate_series(1, 1100) n"""
    )
    seen, path = [], "/users"
    while path:
        text = owner.get(path).text
        seen += re.findall(r'class="link-row" href="/users/\d+">([^<]+)<', text)
        after = re.search(r'rel="next" href="([^"]+)"', text)
        path = after[1].replace("&amp;", "&") if after else ""
    assert seen == [f"u{n}@example.org" for n in range(1100, 0, -1)] + [OWNER]

    def found(query: str) -> list[str]:
        text = owner.get(f"/users?{query}").text
        return re.findall(r'class="link-row" href="/users/\d+">([^<]+)@', text)

    assert found("q=U77@") == ["u77"]
    assert found("q=%25") == [], "no pattern, just a piece of the address"
    assert found("status=suspended")[:2] == ["u1100", "u1050"]
    assert len(found("role=admin")) == 1100 // 40 + 1
    assert found("role=admin&status=suspended&q=00@") == ["u1000", "u800", "u600", "u400", "u200"]
    assert "No user matches." in owner.get("/users?q=nobody").text
    for query in ("role=king", "status=x", "before=x", "before=²", "before=99999999999"):
        assert owner.get(f"/users?{query}").status_code == 400, query


def test_the_list_says_what_each_one_holds_and_is_in_by(
    owner: TestClient, singer: Singer, world: World
) -> None:
    track = world.track(user_id=singer.id)
    world.stems(track, world.job(track))
    world.connection.execute("UPDATE stems SET bytes = 10000000")
    row = owner.get("/users").text.partition(f'id="user-{singer.id}"')[2].partition("</tr>")[0]
    world.connection.execute("UPDATE tracks SET audio_bytes = 2500000")
    row = owner.get("/users").text.partition(f'id="user-{singer.id}"')[2].partition("</tr>")[0]
    for words in (WHO, "1 session, 1 token", ">1 track · 42.5 MB<", "Audio 2.5 MB, stems 40.0 MB, exports –", "just now"):  # fmt: skip
        assert words in row
    page = owner.get(f"/users/{singer.id}").text
    for words in (WHO, "42.5 MB", "2.5 MB", "40.0 MB", "Firefox on Linux", "nightly", "session.start"):  # fmt: skip
        assert words in page
    world.connection.execute(
        "INSERT INTO tracks (user_id, title) SELECT %s, 'x' FROM generate_series(1, 1001)",
        [singer.id],
    )
    assert "1002 tracks" in owner.get("/users").text
    assert "<dd>1002</dd>" in owner.get(f"/users/{singer.id}").text
    # Signed out, he was seen all the same.
    singer.browser.post("/sign-out")
    row = owner.get("/users").text.partition(f'id="user-{singer.id}"')[2].partition("</tr>")[0]
    assert "session" not in row
    assert "just now" in row


def test_what_is_uploaded_counts_whichever_way_it_came(
    owner: TestClient, api: Checked, world: World
) -> None:
    first, second = sound(440, 1.0), sound(550, 2.0)
    owner.headers["sec-fetch-site"] = "same-origin"
    assert owner.post("/tracks?name=a.wav", content=first).status_code in (201, 303)
    assert owner.post("/tracks", files={"file": ("b.wav", second)}).status_code == 303
    begun = owner.post("/uploads", headers={"x-filename": "c.wav", "upload-length": str(len(first))})  # fmt: skip
    address = begun.headers["location"]
    assert owner.patch(address, content=first, headers={"upload-offset": "0"}).status_code == 201
    assert api("POST", "tracks?name=d.wav&model=none", content=second).status_code == 201
    kept = world.one("SELECT tracks, audio_bytes FROM sfa_user_storage WHERE user_id = sfa_local_owner()")  # fmt: skip
    assert kept == {"tracks": 4, "audio_bytes": 2 * len(first) + 2 * len(second)}


def test_the_streams_are_for_administrators_only(
    owner: TestClient, singer: Singer, world: World
) -> None:
    for address in ("users", "user&user=1", f"user&user={singer.id}"):
        assert singer.browser.get(f"/events?page={address}").status_code == 403
    # An open page of somebody who was one says goodbye with its next news.
    for page in (Users(singer.id), Account(singer.id, "1", uuid4())):
        world.connection.execute("UPDATE users SET role = 'admin' WHERE id = %s", [singer.id])
        assert loaded(owner_dsn(owner), page)["viewer"] == singer.id
        world.connection.execute("UPDATE users SET role = 'user' WHERE id = %s", [singer.id])
        with pytest.raises(Forbidden):
            loaded(owner_dsn(owner), page)


def loaded(dsn: str, page: Users | Account) -> dict[str, Any]:
    """What the page would show now."""

    async def load() -> dict[str, Any]:
        database = Database(dsn, size=1)
        await database.open()
        try:
            async with database.session() as session:
                return await page.load(session)
        finally:
            await database.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, load()).result()


@pytest.mark.parametrize("server", ["", "smtp://mail.example.org"])
def test_an_invitation_lets_in_once_within_a_week(
    web_config: Config, world: World, server: str
) -> None:
    with client(web_config, smtp_url=server) as admin, client(web_config) as friend:
        admin.get(f"/sign-in/{sign_in_token(web_config.database_url)}")
        assert ("stays in the mail box" in admin.get("/users").text) == (not server)
        answer = admin.post("/users", data={"email": " Friend@example.org "})
        assert answer.status_code == 303
        page = admin.get(answer.headers["location"]).text
        assert ("on its way" in page) == bool(server)
        assert ("nobody was mailed" in page) == (not server)
        assert "/mailbox" in page
        mail = world.one("SELECT * FROM mails")
        assert (mail["recipient"], mail["status"]) == ("Friend@example.org", "waiting")
        assert mail["subject"] == "An invitation to Sound Forge Alchemy"
        link = world.one("SELECT expires_at - inserted_at AS lasts FROM user_tokens WHERE context = 'sign_in' AND used_at IS NULL")  # fmt: skip
        assert link["lasts"].days == 7
        path = mailed_link(web_config, world)
        assert friend.get(path).status_code == 200, "a mail program that opens it uses nothing up"
        assert friend.post(path.removesuffix("?ask")).status_code == 303
        assert friend.get("/").status_code == 200
        friend.cookies.clear()
        assert friend.post(path.removesuffix("?ask")).status_code == 401
    assert audited(world) == [(OWNER, "user.invite", "Friend@example.org")]


def test_who_cannot_be_invited(owner: TestClient, singer: Singer, world: World) -> None:
    known = owner.post("/users", data={"email": WHO.title()})
    assert known.status_code == 409
    assert f"{WHO.title()} has an account already." in known.text
    assert f'href="/users/{singer.id}"' in known.text
    for email in ("", "nobody", "a b@example.org", "x" * 320 + "@example.org"):
        refused = owner.post("/users", data={"email": email})
        assert refused.status_code == 422, email
        assert "is no e-mail address." in refused.text
    assert world.one("SELECT count(*) AS n FROM mails")["n"] == 0
    assert world.one("SELECT count(*) AS n FROM users")["n"] == 2
    assert audited(world) == []


def test_who_never_came_is_invited_again_unless_he_is_suspended(
    owner: TestClient, world: World, web_config: Config
) -> None:
    path = owner.post("/users", data={"email": "friend@example.org"}).headers["location"]
    user = int(re.findall(r"\d+", path)[0])
    assert "Invite again" in owner.get(f"/users/{user}").text
    assert steer(owner, user, "invite") == (303, f"/users/{user}?said=invite")
    assert world.one("SELECT count(*) AS n FROM mails")["n"] == 2
    steer(owner, user, "suspend")
    assert steer(owner, user, "invite")[0] == 409
    assert world.one("SELECT count(*) AS n FROM mails")["n"] == 2
    with client(web_config) as friend:
        link = mailed_link(web_config, world).removesuffix("?ask")
        assert friend.post(link).status_code == 401, "his links have ended"


def test_a_suspension_asks_first_and_its_end_revives_nothing(
    owner: TestClient, singer: Singer, world: World
) -> None:
    asked = owner.post(f"/users/{singer.id}", data={"verb": "suspend"})
    assert asked.status_code == 200
    for words in (f"Suspend {WHO}?", "Firefox on Linux", "nightly", 'name="sure"'):
        assert words in asked.text
    assert singer.is_in == (200, 200)
    assert steer(owner, singer.id, "suspend") == (303, f"/users/{singer.id}?said=suspend")
    assert singer.is_in == (401, 401)
    page = owner.get(f"/users/{singer.id}?said=suspend").text
    assert "every session, API token and unused link has ended" in page
    assert "Lift the suspension" in page
    assert steer(owner, singer.id, "readmit", sure="") == (303, f"/users/{singer.id}?said=readmit")
    assert singer.is_in == (401, 401), "what had ended stays ended"
    singer.browser.get(f"/sign-in/{sign_in_token(owner_dsn(owner), singer.id)}")
    assert singer.browser.get("/").status_code == 200
    assert audited(world) == [(OWNER, "user.suspend", WHO), (OWNER, "user.readmit", WHO)]
    log = world.one("SELECT detail, address FROM audit_log WHERE action = 'user.suspend'")
    assert log == {"detail": {"sessions": 1, "tokens": 1}, "address": "testclient"}


def owner_dsn(owner: TestClient) -> str:
    """The database's address."""
    return str(owner.app.state.services.config.database_url)  # type: ignore[attr-defined]


def test_an_end_of_everything_leaves_the_account_open(
    owner: TestClient, singer: Singer, world: World
) -> None:
    assert "End all sessions and tokens of" in owner.post(f"/users/{singer.id}", data={"verb": "end"}).text  # fmt: skip
    assert singer.is_in == (200, 200)
    assert steer(owner, singer.id, "end") == (303, f"/users/{singer.id}?said=end")
    assert singer.is_in == (401, 401)
    assert world.one("SELECT status FROM users WHERE id = %s", singer.id)["status"] == "active"
    assert owner.get("/").status_code == 200
    assert "Signed in nowhere." in owner.get(f"/users/{singer.id}").text
    assert audited(world) == [(OWNER, "user.end", WHO)]
    # One's own: the way leads to the door.
    assert steer(owner, 1, "end") == (303, "/sign-in")
    assert owner.get("/").status_code == 401


def test_roles_change_at_once(owner: TestClient, singer: Singer, world: World) -> None:
    assert "may change every user" in owner.post(f"/users/{singer.id}", data={"verb": "admin"}).text
    assert singer.browser.get("/users").status_code == 403
    assert steer(owner, singer.id, "admin") == (303, f"/users/{singer.id}?said=admin")
    assert singer.browser.get("/users").status_code == 200
    assert steer(owner, singer.id, "user") == (303, f"/users/{singer.id}?said=user")
    assert singer.browser.get("/users").status_code == 403
    assert audited(world) == [(OWNER, "user.admin", WHO), (OWNER, "user.user", WHO)]


def test_the_last_administrator_stays(owner: TestClient, singer: Singer, world: World) -> None:
    page = owner.get("/users/1").text
    assert 'value="suspend"' not in page
    assert 'value="user"' not in page
    for verb in ("suspend", "user"):
        for sure in ("", "1"):
            answer = owner.post("/users/1", data={"verb": verb, "sure": sure})
            assert answer.status_code == 409
            assert "the last administrator: make another one first" in answer.text
    # A suspended one is none who could undo it.
    world.connection.execute(
        "UPDATE users SET role = 'admin', status = 'suspended' WHERE id = %s", [singer.id]
    )
    assert steer(owner, 1, "suspend")[0] == 409
    assert world.one("SELECT role, status FROM users WHERE id = 1") == {"role": "admin", "status": "active"}  # fmt: skip
    assert owner.get("/users").status_code == 200
    assert audited(world) == []


@pytest.mark.parametrize(("verb", "leads"), [("user", "/"), ("suspend", "/sign-in")])
def test_one_of_two_administrators_may_go(
    owner: TestClient, singer: Singer, world: World, verb: str, leads: str
) -> None:
    steer(owner, singer.id, "admin")
    assert "This is you" in owner.post("/users/1", data={"verb": verb}).text
    assert steer(owner, 1, verb) == (303, leads)
    assert owner.get("/users").status_code == (403 if verb == "user" else 401)
    assert singer.browser.get("/users").status_code == 200


def test_who_is_no_administrator_any_more_comes_too_late(
    owner: TestClient, singer: Singer, world: World
) -> None:
    """He asks while somebody else, whose change is not committed yet, takes it from him."""
    third = world.one("INSERT INTO users (email, role) VALUES ('c@example.org', 'admin') RETURNING id")["id"]  # fmt: skip
    with ThreadPoolExecutor(1) as thread:
        with world.connection.transaction():
            world.connection.execute("UPDATE users SET role = 'user' WHERE id = 1")
            asked = thread.submit(steer, owner, third, "suspend")
            while not asked.done() and not world.one("SELECT count(*) AS n FROM pg_locks WHERE NOT granted")["n"]:  # fmt: skip
                pass
            assert not asked.done(), "it waits for what becomes of him"
        assert asked.result(20)[0] == 403
    assert world.one("SELECT status FROM users WHERE id = %s", third)["status"] == "active"
    assert singer.is_in == (200, 200)


def test_what_there_is_not(owner: TestClient, singer: Singer, world: World) -> None:
    for path in ("/users/99", "/users/x", "/users/-1", "/users/99999999999", "/users/²"):
        assert owner.get(path).status_code == 404, path
        assert owner.post(path, data={"verb": "end", "sure": "1"}).status_code == 404, path
    for verb in ("", "delete"):
        assert (
            owner.post(f"/users/{singer.id}", data={"verb": verb, "sure": "1"}).status_code == 400
        )
    assert singer.is_in == (200, 200)
    assert audited(world) == []


def test_the_pages_speak_german(owner: TestClient, singer: Singer, web_config: Config, world: World) -> None:  # fmt: skip
    german = {"accept-language": "de"}
    assert "Jemanden einladen" in owner.get("/users", headers=german).text
    assert "Alle Sitzungen und Token beenden" in owner.get(f"/users/{singer.id}", headers=german).text  # fmt: skip
    last = owner.post("/users/1", data={"verb": "user"}, headers=german)
    assert "Das ist der letzte Verwalter" in last.text
    owner.post("/users", data={"email": "freund@example.org"}, headers=german)
    assert world.one("SELECT subject FROM mails")["subject"] == "Eine Einladung zu Sound Forge Alchemy"  # fmt: skip
    assert mailed_link(web_config, world).startswith("http")


def test_an_address_is_text_whatever_it_holds(owner: TestClient, world: World) -> None:
    user = world.one("INSERT INTO users (email) VALUES ('<i>x@<b>y') RETURNING id")["id"]
    for page in (
        owner.get("/users?q=<i>"),
        owner.get(f"/users/{user}"),
        owner.post(f"/users/{user}", data={"verb": "suspend"}),
        owner.post("/users", data={"email": "<i>x@<b>Y"}),
        owner.post("/users", data={"email": "<i> <b>"}),
    ):
        assert "&lt;i&gt;" in page.text
        assert "<i>" not in page.text
        assert "<b>y" not in page.text.lower()
