"""Batches by the API: what they are made of, page by page, retried where they failed, cancelled; and what is refused."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.web.checked import Checked
from tests.web.conftest import sign_in_token
from tests.web.rows import World

NOBODY = "00000000-0000-0000-0000-000000000000"


def made(api: Checked, ids: list[str], **more: Any) -> Any:
    body = {"operation": "separate", "model": "spectral", "track_ids": ids, **more}
    return api.json("POST", "batches", 201, json=body)


def jobs(api: Checked, batch: Any) -> list[str]:
    return [m["job_id"] for m in api.json("GET", f"batches/{batch['id']}/members")["items"]]


def counts(batch: Any) -> dict[str, int]:
    return {name: batch[name] for name in ("active", "completed", "failed", "cancelled")}


def test_the_failed_are_retried_and_the_cancelled_only_where_that_is_said(
    api: Checked, world: World
) -> None:
    batch = made(api, [world.track(f"Song {n}") for n in range(4)])
    done, broken, stopped, gone = jobs(api, batch)
    world.claim()
    world.finish(done)
    world.finish(broken, "failed", "It broke.", "input")
    world.finish(stopped, "cancelled")
    world.finish(gone, "cancelled")
    world.connection.execute("DELETE FROM processing_jobs WHERE id = %s", [gone])
    where = f"batches/{batch['id']}"
    shown = api.json("GET", where)
    assert counts(shown) == {"active": 0, "completed": 1, "failed": 1, "cancelled": 2}
    assert shown["status"] == "partial"
    assert shown["finished_at"] is not None
    retried = api.json("POST", f"{where}/retry")
    assert retried["jobs"] == 1
    assert counts(retried["batch"]) == {"active": 1, "completed": 1, "failed": 0, "cancelled": 2}
    assert api.json("GET", f"jobs/{stopped}")["status"] == "cancelled"
    assert api.json("POST", f"{where}/retry")["jobs"] == 0, "nothing failed any more"
    every = api.json("POST", f"{where}/retry?cancelled=true")
    assert every["jobs"] == 2
    assert counts(every["batch"]) == {"active": 3, "completed": 1, "failed": 0, "cancelled": 0}
    assert api.json("POST", f"{where}/cancel")["jobs"] == 3
    assert api.json("POST", f"{where}/cancel")["jobs"] == 0
    assert api("POST", f"{where}/retry?cancelled=perhaps").status_code == 400


def test_a_key_makes_one_batch_and_retries_once(api: Checked, world: World) -> None:
    body = {"operation": "analyze", "track_ids": [world.track()]}
    key = {"idempotency-key": "batch"}
    first = api("POST", "batches", json=body, headers=key)
    again = api("POST", "batches", json=body, headers=key)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert world.one("SELECT count(*) AS n FROM batch_jobs")["n"] == 1
    where = f"batches/{first.json()['id']}"
    stop = {"idempotency-key": "stop"}
    assert api.json("POST", f"{where}/cancel", headers=stop)["jobs"] == 1
    assert api.json("POST", f"{where}/cancel", headers=stop)["jobs"] == 1, "the first answer"
    assert api("POST", f"{where}/retry", headers=stop).status_code == 422


def test_lists_and_members_go_by_key(api: Checked, world: World) -> None:
    tracks = [world.track(f"Song {n}", seconds=0.1) for n in range(5)]
    batches = [made(api, tracks, title=str(n))["id"] for n in range(5)]
    seen: list[str] = []
    address = "batches?limit=2"
    while True:
        page = api.json("GET", address)
        assert len(page["items"]) <= 2
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        address = f"batches?limit=2&before={page['next']}"
    assert seen == batches[::-1]
    where = f"batches/{batches[0]}/members"
    found: list[str] = []
    after = ""
    while True:
        piece = api.json("GET", f"{where}?limit=2{after}")
        found += [one["track_id"] for one in piece["items"]]
        if piece["next"] is None:
            break
        after = f"&after={piece['next']}"
    assert found == tracks, "in the order they were named"
    for wrong in ("limit=0", "after=-1", "after=x", "status=odd", "before=x"):
        assert api("GET", f"{where}?{wrong}").status_code == 400, wrong


def test_the_page_goes_on_where_it_ended(api: Checked, world: World) -> None:
    track = world.track()
    world.connection.execute(
        "INSERT INTO batch_jobs (title, model, track_ids) SELECT 'Batch no ' || n, 'spectral', ARRAY[%s::uuid]"
        " FROM generate_series(1, 51) n",
        [track],
    )
    world.connection.execute(
        "UPDATE batch_jobs SET inserted_at = inserted_at - split_part(title, ' ', 3)::int * interval '1 hour'"
    )
    client = api.client
    client.headers["sec-fetch-site"] = "same-origin"
    client.get(f"/sign-in/{sign_in_token(world.connection.info.dsn)}")
    first = client.get("/batches").text
    assert "Batch no 50<" in first
    assert "Batch no 51<" not in first
    older = first.partition('href="/batches?before=')[2].partition('"')[0]
    second = client.get(f"/batches?before={older}").text
    assert "Batch no 51<" in second
    assert "Batch no 50<" not in second
    assert client.get("/batches?before=nonsense").status_code == 400


def test_an_import_is_a_batch_of_what_was_downloaded(
    api: Checked, other: Checked, world: World
) -> None:
    found = api.json(
        "POST", "imports", 201, json={"address": "spotify:album:6rqhFgbbKwnb9MLmUQDhG6"}
    )
    body = {"operation": "analyze", "import_id": found["id"]}
    early = api("POST", "batches", json=body)
    assert (early.status_code, early.json()["rule"]) == (422, "batch_jobs_tracks_given")
    track = world.track()
    world.connection.execute(
        "INSERT INTO import_items (import_id, position, title, track_id, status) VALUES (%s, 0, 'x', %s, 'linked')",
        [found["id"], track],
    )
    assert other("POST", "batches", json=body).status_code == 404
    batch = api.json("POST", "batches", 201, json=body)
    assert (batch["total"], batch["import_id"]) == (1, found["id"])
    [job] = jobs(api, batch)
    assert api.json("GET", f"jobs/{job}")["track_id"] == track


def test_one_that_is_refused_is_a_member_that_says_why(api: Checked, world: World) -> None:
    ids = [world.track("Fine"), world.track("Also fine")]
    batch = made(api, ids, options={"stems": ["kazoo"]})
    assert (batch["status"], batch["failed"], batch["total"]) == ("failed", 2, 2)
    members = api.json("GET", f"batches/{batch['id']}/members?status=refused")["items"]
    assert [one["job_id"] for one in members] == [None, None]
    assert "does not make" in members[0]["error"]
    assert api.json("POST", f"batches/{batch['id']}/retry")["jobs"] == 0
    assert made(api, ids * 2)["total"] == 2, "what is named twice is one member"


def test_nobody_works_on_other_peoples_tracks(api: Checked, other: Checked, world: World) -> None:
    mine = world.track("Mine")
    user = world.one("SELECT max(id) AS id FROM users")["id"]
    theirs = world.track("Theirs", user_id=user)
    batch = made(api, [mine])
    for ids in ([theirs], [mine, theirs], [mine, NOBODY]):
        body = {"operation": "analyze", "track_ids": ids}
        assert api("POST", "batches", json=body).status_code == 404
    # An analysis takes its options as args: they must not name another track.
    for name, value in (("track_id", theirs), ("user_id", user)):
        how = {"operation": "analyze", "track_ids": [mine], "options": {name: value}}
        answer = api("POST", "batches", json=how)
        assert (answer.status_code, answer.json()["rule"]) == (422, "batch_jobs_options_say_how")
    assert world.one("SELECT count(*) AS n FROM analysis_jobs")["n"] == 0
    for method, path in (("GET", ""), ("GET", "/members"), ("POST", "/retry"), ("POST", "/cancel")):
        assert other(method, f"batches/{batch['id']}{path}").status_code == 404
        assert api(method, f"batches/{uuid4()}{path}").status_code == 404
        assert api(method, f"batches/x{path}").status_code == 404
    assert other.json("GET", "batches")["items"] == []
    assert api.json("GET", f"batches/{batch['id']}")["active"] == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "operation"),
        ({"operation": "analyze"}, "Say which tracks"),
        ({"operation": "analyze", "track_ids": ["TRACK"], "import_id": NOBODY}, "one of the two"),
        ({"operation": "analyze", "track_ids": []}, "/track_ids"),
        ({"operation": "analyze", "track_ids": "TRACK"}, "/track_ids"),
        ({"operation": "analyze", "track_ids": ["x"]}, "/track_ids/0"),
        ({"operation": "analyze", "track_ids": [7]}, "/track_ids/0"),
        ({"operation": "analyze", "track_ids": ["TRACK"] * 10_001}, "/track_ids"),
        ({"operation": "dance", "track_ids": ["TRACK"]}, "/operation"),
        ({"operation": "export", "track_ids": ["TRACK"], "model": "spectral"}, "/operation"),
        ({"operation": "analyze", "track_ids": ["TRACK"], "model": "spectral"}, "takes no model"),
        ({"operation": "separate", "track_ids": ["TRACK"]}, "takes one"),
        ({"operation": "separate", "track_ids": ["TRACK"], "model": "nothing"}, "no such model"),
        ({"operation": "separate", "track_ids": ["TRACK"], "model": "\0"}, ""),
        ({"operation": "separate", "track_ids": ["TRACK"], "model": "spectral", "fallback": "nothing"}, "no such model"),
        ({"operation": "analyze", "track_ids": ["TRACK"], "options": []}, "/options"),
        ({"operation": "analyze", "track_ids": ["TRACK"], "options": {"x": "\0"}}, ""),
        ({"operation": "analyze", "track_ids": ["TRACK"], "priority": 5000}, "/priority"),
        ({"operation": "analyze", "track_ids": ["TRACK"], "priority": True}, "/priority"),
        ({"operation": "analyze", "track_ids": ["TRACK"], "title": "x" * 201}, "/title"),
        ({"operation": "analyze", "track_ids": ["TRACK"], "preview": "perhaps"}, "/preview"),
        ({"operation": "analyze", "track_ids": ["TRACK"], "more": 1}, "more"),
        ([], "object"),
    ],
)  # fmt: skip
def test_what_is_no_batch_says_why(api: Checked, world: World, body: Any, words: str) -> None:
    text = json.dumps(body).replace("TRACK", world.track())
    answer = api("POST", "batches", content=text, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text
    assert world.one("SELECT count(*) AS n FROM batch_jobs")["n"] == 0


def test_a_batch_of_thousands_fits_into_a_body(api: Checked, world: World) -> None:
    world.connection.execute(
        "INSERT INTO tracks (title) SELECT 'Song ' || n FROM generate_series(1, 3000) n"
    )
    rows = world.connection.execute("SELECT id FROM tracks").fetchall()
    assert made(api, [str(row["id"]) for row in rows])["total"] == 3000
    body = {"operation": "analyze", "track_ids": [NOBODY] * 14_000}
    assert api("POST", "batches", json=body).status_code == 413


def test_a_number_may_be_written_with_a_point(api: Checked, world: World) -> None:
    batch = made(api, [world.track()], priority=3.0)
    assert api.json("GET", f"jobs/{jobs(api, batch)[0]}")["priority"] == 3
