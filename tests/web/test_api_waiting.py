"""What a job of the API waits for: each kind follows one's own jobs only, and holds what it needs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.checked import Checked
from tests.web.rows import World

NOBODY = "00000000-0000-0000-0000-000000000000"
ALBUM = "spotify:album:6rqhFgbbKwnb9MLmUQDhG6"
GPU = {"gpu": 1}
# Kind: where it is asked for, and with what; "made" stands for what `asked` has made.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "analysis": ("jobs", {"track_id": "track"}),
    "auto_cue": ("jobs", {"track_id": "track"}),
    "processing": ("jobs", {"track_id": "track", "model": "spectral"}),
    "lalalai": ("jobs", {"track_id": "track", "model": "lalalai", "options": {"stem": "drums"}}),
    "export": ("jobs", {"track_id": "track", "options": {"of": "separation"}}),
    "download": ("jobs", {"address": "https://example.org/song.mp3"}),
    "import": ("imports", {"address": ALBUM}),
    "covers": ("covers", {"track_ids": ["track"]}),
}
INSIDE = [kind for kind, (path, _) in KINDS.items() if path == "jobs"]


@pytest.fixture
def world(world: World) -> World:
    """A host with two GPUs."""
    world.connection.execute("INSERT INTO resources (host, name, capacity) VALUES ('h', 'gpu', 2)")
    return world


def first(world: World, **more: Any) -> str:
    """A separation to follow."""
    return world.job(world.track("First", **more))


def asked(world: World, kind: str) -> tuple[str, dict[str, Any]]:
    """Where a kind is asked for, and the body that does."""
    path, given = KINDS[kind]
    made = {"track": world.track("Second")}
    if kind == "export":
        made["separation"] = world.job(made["track"])
        world.claim()
        world.stems(made["track"], made["separation"])
        world.finish(made["separation"])

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(one) for name, one in value.items()}
        return [filled(one) for one in value] if isinstance(value, list) else made.get(value, value)

    args: dict[str, Any] = filled(given)
    return path, {"kind": kind, "args": args} if path == "jobs" else args


def shown(api: Checked, made: dict[str, Any]) -> dict[str, Any]:
    """The job; an import is one, too."""
    job: dict[str, Any] = api.json("GET", f"jobs/{made['id']}")
    return job


def test_every_kind_that_works_on_a_track_is_here(api: Checked) -> None:
    assert {kind["kind"] for kind in api.json("GET", "job-kinds")["items"]} == set(INSIDE)


@pytest.mark.parametrize("kind", KINDS)
def test_each_follows_and_needs(api: Checked, world: World, kind: str) -> None:
    path, body = asked(world, kind)
    before = first(world)
    job = shown(api, api.json("POST", path, 201, json=body | {"after": before, "needs": GPU}))
    assert (job["waits_for"], job["needs"], job["status"]) == ([before], GPU, "waiting")
    assert world.one("SELECT kind, after_kind FROM sfa_links") == {
        "kind": kind,
        "after_kind": "processing",
    }
    world.claim()
    world.finish(before)
    assert shown(api, job)["waits_for"] == []
    assert world.one("SELECT count(*) AS n FROM procrastinate_jobs WHERE scheduled_at IS NOT NULL")["n"] == 0  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_none_follows_what_is_somebody_elses_or_nobodys(
    api: Checked, other: Checked, world: World, kind: str
) -> None:
    path, body = asked(world, kind)
    user = world.one("SELECT max(id) AS id FROM users")["id"]
    theirs = first(world, user_id=user)
    before = world.one("SELECT count(*) AS n FROM sfa_jobs")["n"]
    for after in (theirs, NOBODY):
        assert api("POST", path, json=body | {"after": after}).status_code == 404
        if path == "jobs":
            within = body | {"args": body["args"] | {"after": after}}
            assert api("POST", path, json=within).status_code == 404
    assert world.one("SELECT count(*) AS n FROM sfa_jobs")["n"] == before
    assert world.one("SELECT count(*) AS n FROM job_links")["n"] == 0
    assert world.one("SELECT count(*) AS n FROM tracks WHERE source = 'link'")["n"] == 0


@pytest.mark.parametrize("path", ["jobs", "imports", "covers", "batches"])
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"after": "x"}, "/after"),
        ({"after": None}, "/after"),
        ({"after": [NOBODY]}, "/after"),
        ({"needs": []}, "/needs"),
        ({"needs": {"gpu": "1"}}, "/needs/gpu"),
        ({"needs": {"gpu": 0}}, "/needs/gpu"),
        ({"needs": {"gpu": -1}}, "/needs/gpu"),
        ({"needs": {"gpu": True}}, "/needs/gpu"),
        ({"needs": {"gpu": 10**12}}, "/needs/gpu"),
        ({"needs": {f"n{n}": 1 for n in range(21)}}, "/needs"),
    ],
)
def test_what_cannot_be_waited_for_says_why(
    api: Checked, world: World, path: str, more: dict[str, Any], words: str
) -> None:
    ids = [world.track()]
    bodies: dict[str, dict[str, Any]] = {
        "jobs": {"kind": "analysis", "args": {"track_id": ids[0]}},
        "imports": {"address": ALBUM},
        "covers": {"track_ids": ids},
        "batches": {"operation": "analyze", "track_ids": ids},
    }
    answer = api("POST", path, json=bodies[path] | more)
    assert answer.status_code == 422, answer.text
    assert words in answer.text
    assert world.one("SELECT count(*) AS n FROM sfa_jobs")["n"] == 0


def test_what_no_host_has_is_refused(api: Checked, world: World) -> None:
    body = {"kind": "analysis", "args": {"track_id": world.track()}}
    for needs in ({"gpu": 3}, {"tpu": 1}, {"g\0": 1}):
        answer = api("POST", "jobs", json=body | {"needs": needs})
        assert answer.status_code == 422, answer.text
    assert api("POST", "jobs", json=body | {"needs": {"gpu": 3}}).json()["rule"] == "needs_met_somewhere"  # fmt: skip
    assert world.one("SELECT count(*) AS n FROM sfa_jobs")["n"] == 0


def test_what_has_failed_is_not_followed_and_what_is_done_is_not_waited_for(
    api: Checked, world: World
) -> None:
    broken, done = first(world), first(world)
    world.claim()
    world.finish(broken, "failed", "It broke.", "input")
    world.finish(done)
    body = {"kind": "analysis", "args": {"track_id": world.track()}}
    answer = api("POST", "jobs", json=body | {"after": broken})
    assert (answer.status_code, answer.json()["rule"]) == (422, "job_links_after_alive")
    assert api.json("POST", "jobs", 201, json=body | {"after": done})["waits_for"] == []


def test_a_chain_ends_with_its_first(api: Checked, world: World) -> None:
    one = first(world)
    body = {"kind": "analysis", "args": {"track_id": world.track()}, "after": one}
    two = api.json("POST", "jobs", 201, json=body)["id"]
    three = api.json("POST", "covers", 201, json={"track_ids": [world.track()], "after": two})["id"]
    assert api.json("POST", f"jobs/{one}/cancel")["status"] == "cancelled"
    assert [api.json("GET", f"jobs/{id_}")["status"] for id_ in (two, three)] == ["cancelled"] * 2
    assert api.json("POST", f"jobs/{one}/retry")["status"] == "waiting"
    assert api.json("GET", f"jobs/{three}")["waits_for"] == [two]


def test_the_same_work_stays_as_it_is(api: Checked, world: World) -> None:
    body = {"kind": "analysis", "args": {"track_id": world.track()}}
    made = api.json("POST", "jobs", 201, json=body)
    again = api.json("POST", "jobs", 201, json=body | {"after": first(world), "needs": GPU})
    assert again == made
    assert world.one("SELECT count(*) AS n FROM job_links")["n"] == 0


def test_the_members_of_a_batch_follow_and_need(api: Checked, other: Checked, world: World) -> None:
    before = first(world)
    user = world.one("SELECT max(id) AS id FROM users")["id"]
    for how in ({"operation": "analyze"}, {"operation": "separate", "model": "spectral"}):
        body = how | {"track_ids": [world.track(f"Song {n}") for n in range(2)], "needs": GPU}
        foreign = first(world, user_id=user)
        assert api("POST", "batches", json=body | {"after": foreign}).status_code == 404
        assert api("POST", "batches", json=body | {"after": NOBODY}).status_code == 404
        batch = api.json("POST", "batches", 201, json=body | {"after": before})
        assert (batch["after"], batch["needs"], batch["active"]) == (before, GPU, 2)
        assert api.json("GET", f"batches/{batch['id']}") == batch
        assert api.json("GET", "batches")["items"][0] == batch
        for member in api.json("GET", f"batches/{batch['id']}/members")["items"]:
            job = api.json("GET", f"jobs/{member['job_id']}")
            assert (job["waits_for"], job["needs"]) == ([before], GPU)
    assert world.one("SELECT count(*) AS n FROM batch_jobs")["n"] == 2
    plain = api.json("POST", "batches", 201, json={"operation": "analyze", "track_ids": [world.track()]})  # fmt: skip
    assert (plain["after"], plain["needs"]) == (None, None)


def test_all_of_an_import_follows_it(api: Checked, world: World) -> None:
    found = api.json("POST", "imports", 201, json={"address": ALBUM})
    track = world.track()
    world.connection.execute(
        "INSERT INTO import_items (import_id, position, title, track_id, status) VALUES (%s, 0, 'x', %s, 'linked')",
        [found["id"], track],
    )
    body = {"operation": "analyze", "import_id": found["id"], "after": found["id"]}
    batch = api.json("POST", "batches", 201, json=body)
    [member] = api.json("GET", f"batches/{batch['id']}/members")["items"]
    assert api.json("GET", f"jobs/{member['job_id']}")["waits_for"] == [found["id"]]


def test_a_job_that_waits_is_told_what_to_follow_and_need(
    api: Checked, other: Checked, world: World
) -> None:
    one, two = first(world), first(world)
    user = world.one("SELECT max(id) AS id FROM users")["id"]
    theirs = first(world, user_id=user)
    body = {"kind": "analysis", "args": {"track_id": world.track()}}
    where = f"jobs/{api.json('POST', 'jobs', 201, json=body)['id']}"
    assert api.json("PATCH", where, json={"after": one})["waits_for"] == [one]
    assert api.json("PATCH", where, json={"after": two, "needs": GPU})["waits_for"] == [one, two]
    assert api.json("PATCH", where, json={"priority": 7})["needs"] == GPU, "what is left out stays"
    for after in (theirs, NOBODY):
        assert api("PATCH", where, json={"after": after, "priority": 1}).status_code == 404
    assert api("PATCH", f"jobs/{one}", json={"after": where[5:]}).json()["rule"] == "job_links_no_circle"  # fmt: skip
    assert other("PATCH", where, json={"after": None}).status_code == 404
    assert other("PATCH", f"jobs/{theirs}", json={"after": one}).status_code == 404
    later = "2036-01-01T00:00:00+00:00"
    free = api.json("PATCH", where, json={"after": None, "needs": None, "scheduled_at": later})
    assert (free["waits_for"], free["needs"], free["priority"]) == ([], {}, 7)
    assert free["scheduled_at"][:4] == "2036", "it follows nothing, and keeps its time"
    world.claim()
    for change in ({"after": two}, {"after": None}, {"needs": GPU}, {"needs": None}):
        assert api("PATCH", f"jobs/{one}", json=change).status_code == 409, "it runs"
