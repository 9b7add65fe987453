"""The account's part about lalal.ai: the key that is kept and never shown, and the limit that jobs obey."""

import dataclasses

import pytest
from psycopg import errors
from starlette.testclient import TestClient

from sfa.config import Config
from sfa.web.app import create_app
from tests.cloud.lalalai import KEY as GOOD
from tests.cloud.lalalai import Cloud
from tests.web.conftest import ADDRESS, sign_in_token
from tests.web.rows import World

KEY = "L1C3NCE-of-mine"


def test_a_key_is_kept_replaced_and_forgotten_and_never_shown(owner: TestClient) -> None:
    assert "There is no key" in owner.get("/account").text
    for key in (KEY, KEY + "-2"):
        answer = owner.post("/cloud/key", data={"key": key, "back": "/account?said=key"})
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/account?said=key-unasked",
        )
        page = owner.get("/account?said=key").text
        assert "Your own key is kept" in page
        assert "Forget the key" in page
        assert KEY not in page
    owner.post("/cloud/key", data={"key": "", "back": "/account?said=key"})
    assert "There is no key" in owner.get("/account").text


def test_a_key_has_its_voices_read_once_and_takes_them_along(
    owner: TestClient, world: World
) -> None:
    waiting = "SELECT count(*) AS n FROM procrastinate_jobs WHERE task_name = 'lalalai_voices'"
    for _ in range(2):
        owner.post("/cloud/key", data={"key": KEY})
    assert world.one(waiting)["n"] == 1
    world.connection.execute(
        "INSERT INTO voice_packs (pack_id, user_id, name) VALUES ('MINE', sfa_local_owner(), 'Mine')"
    )
    owner.post("/cloud/key", data={"key": ""})
    mine = "SELECT count(*) AS n FROM voice_packs WHERE user_id IS NOT NULL"
    assert world.one(mine)["n"] == 0
    told = world.connection.execute(
        "SELECT action FROM audit_log WHERE target = 'lalalai.key' ORDER BY id"
    ).fetchall()
    assert [row["action"] for row in told] == ["secret.put", "secret.put", "secret.forget"]


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_nobody_is_sent_elsewhere(owner: TestClient, back: str) -> None:
    answer = owner.post("/cloud/key", data={"key": KEY, "back": back})
    assert answer.headers["location"] == "/"


def test_a_limit_of_ones_own_refuses_what_costs_more(owner: TestClient, world: World) -> None:
    track = world.track("A song")
    world.connection.execute("UPDATE tracks SET duration_ms = 180000")
    enqueue = "INSERT INTO processing_jobs (track_id, model, operation) VALUES (%s, 'lalalai', 'separate')"
    assert owner.post("/account/cloud", data={"minutes": "2,5"}).status_code == 303
    assert "0.0 of this month" in owner.get("/account").text
    with pytest.raises(errors.CheckViolation, match=r"2\.5.* are spent"):
        world.connection.execute(enqueue, [track])
    assert owner.post("/account/cloud", data={"minutes": "3"}).status_code == 303
    world.connection.execute(enqueue, [track])
    assert owner.post("/account/cloud", data={"minutes": ""}).status_code == 303
    assert "without a limit" in owner.get("/account").text


def test_the_lower_of_both_limits_counts(owner: TestClient, world: World) -> None:
    world.connection.execute(
        "INSERT INTO cloud_limits (user_id, minutes_per_month) VALUES (NULL, 10)"
    )
    owner.post("/account/cloud", data={"minutes": "500"})
    assert "10.0 minutes are spent" in owner.get("/account").text
    owner.post("/account/cloud", data={"minutes": "4"})
    assert "4.0 minutes are spent" in owner.get("/account").text


@pytest.mark.parametrize("minutes", ["-1", "nan", "inf", "1e9", "many", "1 2"])
def test_rubbish_is_no_limit(owner: TestClient, minutes: str) -> None:
    answer = owner.post("/account/cloud", data={"minutes": minutes})
    assert answer.status_code == 422
    assert "a number of minutes" in answer.text


def test_a_key_is_tried_at_once_and_a_wrong_one_changes_nothing(
    world: World, web_config: Config
) -> None:
    with Cloud(b"", 180) as cloud:
        config = dataclasses.replace(web_config, lalalai_url=cloud.url)
        with TestClient(
            create_app(config),
            base_url=ADDRESS,
            headers={"sec-fetch-site": "same-origin"},
            follow_redirects=False,
        ) as client:
            client.get(f"/sign-in/{sign_in_token(config.database_url or '')}")
            form = {"back": "/account?said=key"}
            cloud.minutes = 93.5
            good = client.post("/cloud/key", data=form | {"key": GOOD})
            assert good.headers["location"] == "/account?said=key"
            assert "93.5 minutes of the licence are left" in client.get("/account").text
            bad = client.post("/cloud/key", data=form | {"key": "mistyped"})
            assert bad.status_code == 422
            assert "does not know this key" in bad.text
            assert "93.5 minutes" in client.get("/account").text, "the one before stays"
            cloud.faults["limits/minutes_left"] = [503]
            asked = client.post("/cloud/key", data=form | {"key": GOOD})
            assert asked.headers["location"] == "/account?said=key-unasked"
            assert "nobody knows yet" in client.get(asked.headers["location"]).text
    secrets = world.one("SELECT count(*) AS n FROM secrets WHERE name = 'lalalai.key'")
    assert secrets["n"] == 1
