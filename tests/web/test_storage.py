"""The page of what is thrown away: rules of one's own and everybody's, rows that are kept, runs, and quarantine."""

import json

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import sign_in_token
from tests.web.rows import World
from tests.web.test_owners import dsn_of


def plain(client: TestClient, world: World) -> int:
    """Sign in somebody who is no administrator; his id."""
    row = world.one("INSERT INTO users (email) VALUES ('plain@example.org') RETURNING id")
    client.cookies.clear()
    client.get(f"/sign-in/{sign_in_token(dsn_of(client), row['id'])}")
    return int(row["id"])


def over(world: World, title: str, user: int | None = None, days: int = 30) -> str:
    """A notification of so many days ago, the simplest thing that a rule takes; its id."""
    row = world.one(
        """INSERT INTO notifications (user_id, event, kind, title, inserted_at)
           VALUES (coalesce(%s, sfa_local_owner()), %s, 'ready', %s, now() - make_interval(days => %s)) RETURNING id""",
        user, title, title, days,
    )  # fmt: skip
    return str(row["id"])


def expire(world: World) -> dict[str, tuple[int, int]]:
    rows = world.connection.execute("SELECT kind, noted, removed FROM sfa_expire_v1()").fetchall()
    return {row["kind"]: (row["noted"], row["removed"]) for row in rows}


def test_everybodys_rule_is_set_changed_and_removed_by_an_administrator(
    owner: TestClient, world: World
) -> None:
    form = {"verb": "set", "kind": "previews", "whose": "all", "keep": "2,5", "grace": "0"}
    assert owner.post("/storage", data=form).status_code == 303
    rule = "SELECT extract(epoch FROM keep) / 3600 AS keep, extract(epoch FROM grace) AS grace FROM retention_rules WHERE kind = 'previews' AND user_id IS NULL"
    assert world.one(rule) == {"keep": 60, "grace": 0}
    owner.post("/storage", data=form | {"keep": "30", "grace": "7"})
    assert world.one(rule) == {"keep": 720, "grace": 604_800}
    assert 'value="30"' in owner.get("/storage").text
    owner.post("/storage", data={"verb": "remove", "kind": "previews", "whose": "all"})
    assert world.connection.execute(rule).fetchone() is None
    told = world.connection.execute(
        "SELECT action, target FROM audit_log WHERE action LIKE 'retention.%' ORDER BY id"
    ).fetchall()
    assert [(row["action"], row["target"]) for row in told] == [
        ("retention.set", "previews: 2.5 + 0 days"),
        ("retention.set", "previews: 30 + 7 days"),
        ("retention.remove", "previews"),
    ]


def test_a_rule_of_ones_own_comes_before_everybodys_and_takes_ones_own_rows_alone(
    owner: TestClient, world: World
) -> None:
    world.connection.execute("UPDATE retention_rules SET enabled = false WHERE user_id IS NULL")
    theirs = over(world, "Theirs")
    me = plain(owner, world)
    mine = over(world, "Mine", me)
    form = {"verb": "set", "kind": "notifications", "keep": "1", "grace": "2"}
    assert owner.post("/storage", data=form).status_code == 303
    page = owner.get("/storage?kind=notifications").text
    assert ("Mine" in page, "Theirs" in page) == (True, False)
    assert expire(world)["notifications"] == (1, 0), "nothing goes at once"
    world.connection.execute("UPDATE expirations SET found_at = now() - interval '3 days'")
    assert expire(world)["notifications"] == (0, 1)
    left = world.connection.execute("SELECT id::text FROM notifications").fetchall()
    assert [row["id"] for row in left] == [theirs]
    assert mine != theirs


def test_a_row_is_kept_and_let_go_by_its_owner_only(owner: TestClient, world: World) -> None:
    world.connection.execute("UPDATE retention_rules SET keep = '1 day', grace = '0'")
    theirs = over(world, "Theirs")
    me = plain(owner, world)
    mine = over(world, "Mine", me)
    form = {"verb": "keep", "kind": "notifications"}
    assert owner.post("/storage", data=form | {"row": theirs}).status_code == 404
    moved = owner.post("/storage", data=form | {"row": mine})
    assert moved.headers["location"] == "/storage?kind=notifications"
    assert "Let it go" in owner.get(moved.headers["location"]).text
    assert expire(world)["notifications"] == (1, 1), "theirs, without grace"
    owner.post("/storage", data=form | {"verb": "release", "row": mine})
    expire(world)
    assert world.one("SELECT count(*) AS n FROM notifications")["n"] == 0


def test_a_look_and_a_run_are_asked_for_once(owner: TestClient, world: World) -> None:
    assert owner.post("/storage", data={"verb": "look"}).status_code == 303
    assert "waits for a worker" in owner.get("/storage").text
    assert owner.post("/storage", data={"verb": "clean"}).status_code == 409
    args = "SELECT args FROM procrastinate_jobs WHERE task_name = 'cleanup'"
    assert [row["args"] for row in world.connection.execute(args).fetchall()] == [{"dry_run": True}]


def test_reports_missing_files_and_quarantine_are_shown_and_a_file_comes_back(
    owner: TestClient, world: World
) -> None:
    report = {
        "rules": {"exports": {"noted": 3, "removed": 12}},
        "orphans": {"count": 1, "bytes": 4_200_000, "some": ["audio/odd.wav"]},
        "missing": {"count": 1, "some": [{"key": "audio/gone.wav", "what": "track", "row_id": "x", "title": "Gone Song"}]},
        "purged": {"count": 2, "bytes": 9_900_000},
    }  # fmt: skip
    world.connection.execute(
        "INSERT INTO cleanup_reports (dry_run, report) VALUES (false, %s)", [json.dumps(report)]
    )
    world.connection.execute(
        "INSERT INTO quarantine (key, bytes, until) VALUES ('audio/odd.wav', 4200000, now() + interval '6 days')"
    )
    page = owner.get("/storage").text
    for words in ("Gone Song", "audio/gone.wav", "9.9 MB", "audio/odd.wav", "4.2 MB in all"):
        assert words in page
    form = {"verb": "restore", "key": "audio/odd.wav"}
    answers = [owner.post("/storage", data=form).status_code for _ in range(2)]
    assert answers == [303, 404], "the second time it is on its way already"
    waiting = "SELECT args FROM procrastinate_jobs WHERE task_name = 'quarantine_restore'"
    assert world.one(waiting)["args"] == {"key": "audio/odd.wav"}
    assert owner.post("/storage", data={"verb": "restore", "key": "../x"}).status_code == 404


def test_what_is_everybodys_is_an_administrators(owner: TestClient, world: World) -> None:
    world.connection.execute(
        "INSERT INTO quarantine (key, bytes, until) VALUES ('audio/odd.wav', 1, now())"
    )
    plain(owner, world)
    for form in (
        {"verb": "set", "kind": "tracks", "whose": "all", "keep": "1"},
        {"verb": "remove", "kind": "exports", "whose": "all"},
        {"verb": "clean"},
        {"verb": "look"},
        {"verb": "restore", "key": "audio/odd.wav"},
    ):
        assert owner.post("/storage", data=form).status_code == 403
    page = owner.get("/storage").text
    assert "Quarantine" not in page
    assert "audio/odd.wav" not in page
    assert "7 days, then 1 of grace" in page
    rules = world.one("SELECT count(*) AS n FROM retention_rules WHERE user_id IS NULL")
    assert rules["n"] == 2


@pytest.mark.parametrize(
    "form",
    [
        {"keep": "0"}, {"keep": "nan"}, {"keep": "inf"}, {"keep": ""}, {"keep": "1e9"}, {"keep": "9", "grace": "-1"},
        {"kind": "users"}, {"kind": ""},
    ],
)  # fmt: skip
def test_rubbish_is_no_rule(owner: TestClient, world: World, form: dict[str, str]) -> None:
    answer = owner.post("/storage", data={"verb": "set", "kind": "exports", "keep": "9"} | form)
    assert answer.status_code == 422
    assert world.one("SELECT count(*) AS n FROM retention_rules")["n"] == 2
    assert owner.post("/storage", data={"verb": "burn"}).status_code == 400
