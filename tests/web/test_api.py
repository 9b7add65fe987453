"""The REST API as a program uses it: every operation, its document, problems, idempotency, pages, the stream."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from openapi_spec_validator import validate
from starlette.routing import Route
from starlette.testclient import TestClient

from sfa.accounts import digest
from sfa.config import Config
from sfa.web.api.openapi import document
from sfa.web.app import create_app
from tests.web.api_walk import walk_batches, walk_covers, walk_cues, walk_grid
from tests.web.checked import Checked, token
from tests.web.conftest import Served
from tests.web.rows import World, sound

SPOTIFY = "https://open.spotify.com/playlist/37i9dQZF1DXcBWIGoYBM5M"


def test_the_document_is_openapi_and_names_every_route(web_config: Config) -> None:
    made = document()
    validate(made)
    promised = {
        (method.upper(), path) for path, methods in made["paths"].items() for method in methods
    }
    there = {
        (method, route.path)
        for route in create_app(web_config).routes
        if isinstance(route, Route) and route.path.startswith("/api/")
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert there - promised == {("GET", "/api/v1/openapi.json")}
    assert promised <= there


def test_every_operation_does_what_the_document_says(api: Checked, world: World) -> None:
    assert api.client.get("/api/v1/openapi.json").json() == json.loads(json.dumps(document()))
    assert api.json("GET", "me")["email"] == "owner@localhost"
    assert {model["name"] for model in api.json("GET", "models")["items"]} >= {
        "spectral",
        "htdemucs",
    }
    # Upload, look, listen.
    made = api.json(
        "POST",
        "tracks?name=The%20Testers%20-%20Hello.wav&model=spectral",
        201,
        content=sound(440, 2),
    )
    track, job = made["id"], made["job_id"]
    shown = api.json("GET", f"tracks/{track}")
    assert (shown["title"], shown["artist"], shown["has_audio"]) == ("Hello", "The Testers", True)
    assert [t["id"] for t in api.json("GET", "tracks?q=hello")["items"]] == [track]
    assert api("GET", f"tracks/{track}/audio").content[:4] == b"RIFF"
    part = api("GET", f"tracks/{track}/audio", headers={"range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    assert api("GET", f"tracks/{track}/analysis").status_code == 404
    # The job runs.
    assert api.json("GET", f"jobs/{job}")["status"] == "waiting"
    world.claim()
    world.progress(job, 42, "separating")
    running = api.json("GET", "jobs?status=running")["items"]
    assert [(j["id"], j["progress"], j["stage"]) for j in running] == [(job, 42, "separating")]
    world.stems(track, job)
    world.finish(job)
    world.analysis(track)
    done = api.json("GET", f"jobs/{job}")
    assert (done["status"], [a["verdict"] for a in done["attempts"]]) == (
        "completed",
        ["completed"],
    )
    stems = api.json("GET", f"tracks/{track}/stems")["items"]
    assert {stem["stem_type"] for stem in stems} == {"vocals", "drums", "bass", "other"}
    assert (
        api("GET", f"stems/{stems[0]['id']}/audio?download")
        .headers["content-disposition"]
        .startswith("attachment")
    )
    assert api.json("GET", f"tracks/{track}/analysis")["key"] == "A minor"
    # Every kind of job, and the way to steer it.
    kinds = {kind["kind"]: kind["arguments"] for kind in api.json("GET", "job-kinds")["items"]}
    assert set(kinds) >= {"processing", "analysis", "download", "export"}
    assert "mail" not in kinds
    assert all("user_id" not in arguments for arguments in kinds.values())
    for kind, args in (
        ("processing", {"track_id": track, "model": "htdemucs", "options": {"format": "flac"}}),
        ("analysis", {"track_id": track}),
        ("export", {"track_id": track, "options": {"of": job, "package": "zip"}}),
        ("download", {"address": "https://example.org/song.mp3"}),
    ):
        body = {"kind": kind, "args": args, "priority": 3}
        answer = api("POST", "jobs", json=body)
        assert answer.status_code == 201, answer.text
        one = answer.json()
        assert answer.headers["location"] == f"/api/v1/jobs/{one['id']}"
        assert (one["kind"], one["status"], one["priority"]) == (one["kind"], "waiting", 3)
        later = "2036-01-01T00:00:00+00:00"
        moved = api.json("PATCH", f"jobs/{one['id']}", json={"scheduled_at": later, "priority": -1})
        assert (moved["scheduled_at"][:4], moved["priority"]) == ("2036", -1)
        assert (
            api.json("PATCH", f"jobs/{one['id']}", json={"scheduled_at": None})["scheduled_at"]
            is None
        )
        assert api.json("POST", f"jobs/{one['id']}/cancel")["status"] == "cancelled"
        assert api("POST", f"jobs/{one['id']}/cancel").status_code == 409
        assert api("PATCH", f"jobs/{one['id']}", json={"priority": 1}).status_code == 409
        assert api.json("POST", f"jobs/{one['id']}/retry")["status"] == "waiting"
        assert api("POST", f"jobs/{one['id']}/retry").status_code == 409
    key = world.put("exports/x.zip", b"PK")
    export = world.one("SELECT id FROM processing_jobs WHERE operation = 'export'")["id"]
    world.connection.execute(
        """INSERT INTO exports (processing_job_id, track_id, separation_id, package, audio_key, file_name, bytes, sha256)
           VALUES (%s, %s, %s, 'zip', %s, 'x.zip', 2, repeat('0', 64))""",
        [export, track, job, key],
    )
    [made_of] = api.json("GET", f"tracks/{track}/exports")["items"]
    assert api("GET", f"exports/{made_of['id']}/file").content == b"PK"
    # Queues.
    assert {queue["name"] for queue in api.json("GET", "queues")["items"]} >= {
        "processing",
        "default",
    }
    paused = api.json(
        "PATCH",
        "queues/processing",
        json={"paused": True, "paused_reason": "fan", "concurrency": 3},
    )
    assert (paused["paused"], paused["paused_reason"], paused["concurrency"]) == (True, "fan", 3)
    assert api.json("PATCH", "queues/processing", json={"paused": False})["paused"] is False
    assert api("PATCH", "queues/nothing", json={"paused": False}).status_code == 404
    # Imports.
    found = api.json("POST", "imports", 201, json={"address": SPOTIFY})
    assert (found["kind"], found["status"]) == ("playlist", "waiting")
    world.connection.execute(
        "INSERT INTO import_items (import_id, position, title) SELECT %s, n, 'Song ' || n FROM generate_series(0, 2) n",
        [found["id"]],
    )
    assert [one["id"] for one in api.json("GET", "imports")["items"]] == [found["id"]]
    assert api.json("GET", f"imports/{found['id']}")["found"] == 3
    first = api.json("GET", f"imports/{found['id']}/items?limit=2")
    assert ([i["title"] for i in first["items"]], first["next"]) == (["Song 0", "Song 1"], 1)
    rest = api.json("GET", f"imports/{found['id']}/items?limit=2&after=1")
    assert ([i["title"] for i in rest["items"]], rest["next"]) == (["Song 2"], None)
    # Each needs an id of its own to be downloaded by; these have none, so that nothing is enqueued.
    assert api.json("POST", f"imports/{found['id']}/choose", json={"positions": [7]}) == {
        "enqueued": 0
    }
    walk_batches(api, world, track)
    walk_cues(api, track)
    walk_grid(api, track)
    walk_covers(api, world, track)
    assert api("DELETE", f"tracks/{track}").status_code == 204
    assert api("GET", f"tracks/{track}").status_code == 404
    unseen = {
        methods["operationId"]
        for path in document()["paths"].values()
        for methods in path.values()
        if not any(said.startswith(f"{methods['operationId']} 2") for said in api.seen)
    }
    assert unseen == {"streamEvents"}, "an operation that no test has seen succeed"


def test_pages_go_by_key(api: Checked, world: World) -> None:
    ids = {world.track(f"Song {n}", seconds=0.1) for n in range(5)}
    seen: list[str] = []
    address = "tracks?limit=2"
    while True:
        page = api.json("GET", address)
        assert len(page["items"]) <= 2
        seen += [track["id"] for track in page["items"]]
        if page["next"] is None:
            break
        address = f"tracks?limit=2&before={page['next']}"
    assert len(seen) == 5
    assert set(seen) == ids
    for wrong in ("limit=0", "limit=201", "limit=x", "before=x", "befor=x", "limit=%C2%B2"):
        assert api("GET", f"tracks?{wrong}").status_code == 400, wrong


def test_without_a_token_there_is_nothing(
    stranger: TestClient, owner: TestClient, world: World
) -> None:
    api = Checked(owner)
    for bearer in ("", "sfa_made-up", "sfa_" + "ü" * 9, owner.cookies["sfa_session"]):
        headers = {"authorization": f"Bearer {bearer}".encode()} if bearer else {}
        answer = api("GET", "tracks", headers=headers)
        assert answer.status_code == 401, "a session of the dashboard is no token"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert api("GET", "nothing").status_code == 401
    token(world, scopes="{read}")
    world.connection.execute("UPDATE user_tokens SET expires_at = now() WHERE context = 'api'")
    api.token = "sfa_owner"
    assert api("GET", "me").status_code == 401, "it has ended"
    world.connection.execute("UPDATE user_tokens SET expires_at = NULL WHERE context = 'api'")
    assert api("GET", "me").status_code == 200
    world.connection.execute("UPDATE users SET status = 'suspended'")
    assert api("GET", "me").status_code == 401


def test_a_token_is_no_session(api: Checked) -> None:
    answer = api.client.get("/", headers={"authorization": f"Bearer {api.token}"})
    assert answer.status_code == 401


def test_scopes_and_roles_are_asked(api: Checked, other: Checked, world: World) -> None:
    reader = Checked(api.client, token(world, 1, "{read}", "sfa_reader"))
    assert reader("GET", "tracks").status_code == 200
    for method, path, body in (
        ("POST", "jobs", {"kind": "analysis", "args": {}}),
        ("POST", "tracks", None),
        ("PATCH", "queues/processing", {"paused": True}),
        ("DELETE", "tracks/x", None),
    ):
        assert reader(method, path, json=body).status_code == 403
    # A token that got its scope while its user was an administrator.
    world.connection.execute(
        "UPDATE user_tokens SET scopes = '{read,admin}' WHERE token_hash = %s",
        [digest("sfa_other")],
    )
    assert other("PATCH", "queues/processing", json={"paused": True}).status_code == 403
    assert world.one("SELECT bool_or(paused) AS p FROM queues")["p"] is False


def test_a_key_makes_it_happen_once(api: Checked, other: Checked, world: World) -> None:
    track = world.track()
    body = {"kind": "processing", "args": {"track_id": track, "model": "spectral"}}
    key = {"idempotency-key": "abc"}
    first = api("POST", "jobs", json=body, headers=key)
    api.json("POST", f"jobs/{first.json()['id']}/cancel")
    again = api("POST", "jobs", json=body, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert world.one("SELECT count(*) AS n FROM processing_jobs")["n"] == 1
    # Another request, another user, another day.
    assert api("POST", "jobs", json=body | {"priority": 1}, headers=key).status_code == 422
    assert api("POST", "jobs", json=body, headers={"idempotency-key": "x" * 201}).status_code == 400
    assert other("POST", "jobs", json=body, headers=key).status_code == 404
    world.connection.execute("UPDATE api_requests SET inserted_at = now() - interval '25 hours'")
    assert api("POST", "jobs", json=body, headers=key).json()["id"] != first.json()["id"]


def test_what_failed_may_be_tried_again_with_the_same_key(api: Checked, world: World) -> None:
    track = world.track()
    body = {"kind": "processing", "args": {"track_id": track, "model": "later"}}
    key = {"idempotency-key": "abc"}
    assert api("POST", "jobs", json=body, headers=key).status_code == 422
    assert world.one("SELECT count(*) AS n FROM api_requests")["n"] == 0
    world.connection.execute(
        "INSERT INTO models (name, engine, stems, description) VALUES ('later', 'demucs', '{drums}', '')"
    )
    assert api("POST", "jobs", json=body, headers=key).status_code == 201


def test_of_many_at_once_with_one_key_one_does_it(
    api: Checked, served: Served, world: World
) -> None:
    track = world.track()
    body = {"kind": "analysis", "args": {"track_id": track}}
    headers = {"authorization": f"Bearer {api.token}", "idempotency-key": "abc"}

    def send(_: int) -> dict[str, Any]:
        answer = httpx.post(f"{served.address}/api/v1/jobs", json=body, headers=headers, timeout=60)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(send, range(12)))
    assert len({answer["id"] for answer in answers}) == 1
    assert world.one("SELECT count(*) AS n FROM analysis_jobs")["n"] == 1


def test_an_upload_with_a_key_is_one_track(api: Checked, world: World) -> None:
    key = {"idempotency-key": "up"}
    first = api.json(
        "POST", "tracks?name=a.wav&model=none", 201, content=sound(440, 1), headers=key
    )
    again = api.json(
        "POST", "tracks?name=a.wav&model=none", 201, content=sound(440, 1), headers=key
    )
    assert first == again
    assert first["job_id"] is None
    assert world.one("SELECT count(*) AS n FROM tracks")["n"] == 1
    assert (
        api("POST", "tracks?name=a.wav&model=none", content=sound(220, 1), headers=key).status_code
        == 422
    )
    assert api("POST", "tracks?name=a.pdf", content=b"%PDF-1.4 and more").status_code == 415
    assert api("POST", "tracks?name=a.wav", content=sound(440, 60)).status_code == 413
    assert api("POST", "tracks?name=a.wav", content=b"").status_code == 400


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"[]", 422, ""),
        (b"{}", 422, ""),
        (b'{"kind": 7, "args": {}}', 422, "/kind"),
        (b'{"kind": "processing", "args": []}', 422, "/args"),
        (b'{"kind": "processing", "args": {}}', 422, "args name the track"),
        (
            b'{"kind": "mail", "args": {"track_id": "TRACK", "recipient": "a@b.example"}}',
            422,
            "no such kind",
        ),
        (b'{"kind": "dance", "args": {"track_id": "TRACK"}}', 422, "There are: "),
        (b'{"kind": "processing", "args": {"track_id": "TRACK", "user_id": 1}}', 422, "args name"),
        (
            b'{"kind": "processing", "args": {"track_id": "TRACK", "status": "completed"}}',
            422,
            "procrastinate_jobs_args_known",
        ),
        (
            b'{"kind": "processing", "args": {"track_id": "TRACK", "model": "nothing"}}',
            422,
            "processing_jobs_model_fkey",
        ),
        (
            b'{"kind": "processing", "args": {"track_id": "TRACK", "options": {"format": "exe"}}}',
            422,
            "processing_jobs_format_known",
        ),
        (
            b'{"kind": "processing", "args": {"track_id": "00000000-0000-0000-0000-000000000000"}}',
            404,
            "no such track",
        ),
        (
            b'{"kind": "processing", "args": {"track_id": "TRACK"}, "priority": 1e9}',
            422,
            "/priority",
        ),
        (b'{"kind": "processing", "args": {"track_id": "TRACK"}, "scheduled_at": "soon"}', 422, ""),
        (b'{"kind": "processing", "args": {"track_id": "TRACK"}, "more": 1}', 422, "more"),
        (b'{"kind": "processing", "args": {"track_id": "TRACK", "model": "\\u0000"}}', 422, ""),
        (b'{"kind": "processing", "args": {"track_id": "TRACK", "preview": "perhaps"}}', 422, ""),
        (b'{"kind": "x", "args": {}, "kind' + b"[" * 50_000, 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b'{"kind": "x", "args": {"n": NaN}}', 400, "not JSON"),
        (b'{"kind": "x", "args": {"n": 1e999}}', 400, "not JSON"),
        (b'{"kind": "\\ud800", "args": {}}', 400, "not JSON"),
        (b'{"kind": "\xed\xa0\x80", "args": {}}', 400, "not JSON"),
    ],
)
def test_what_cannot_be_used_says_why(
    api: Checked, world: World, body: bytes, status: int, words: str
) -> None:
    track = world.track().encode()
    headers = {"content-type": "application/json"}
    answer = api("POST", "jobs", content=body.replace(b"TRACK", track), headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text
    assert world.one("SELECT count(*) AS n FROM sfa_jobs")["n"] == 0


def test_a_body_of_another_kind_or_size_is_refused(api: Checked) -> None:
    assert (
        api("POST", "jobs", content=b"kind=x", headers={"content-type": "text/plain"}).status_code
        == 415
    )
    large = b'{"kind": "' + b"x" * 70_000 + b'"}'
    assert (
        api("POST", "jobs", content=large, headers={"content-type": "application/json"}).status_code
        == 413
    )
    assert api("PUT", "jobs").status_code == 405
    assert api("GET", "nothing").status_code == 404


def test_a_download_makes_a_track_of_ones_own(other: Checked, world: World) -> None:
    body = {"kind": "download", "args": {"address": "https://example.org/a/song.mp3?x=1"}}
    job = other.json("POST", "jobs", 201, json=body)
    row = world.one("SELECT user_id, title, source FROM tracks WHERE id = %s", job["track_id"])
    assert (row["title"], row["source"]) == ("song.mp3", "link")
    assert row["user_id"] != 1
    assert (
        other("POST", "jobs", json={"kind": "download", "args": {"address": "ftp://x"}}).status_code
        == 422
    )
    assert world.one("SELECT count(*) AS n FROM tracks")["n"] == 1, "a refused one leaves no track"


def lines_until(stream: Iterator[str], event: str) -> list[dict[str, Any]]:
    """The data of the events up to one of that name."""
    seen, name = [], ""
    for line in stream:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            seen.append({"event": name, "data": json.loads(line.removeprefix("data: "))})
            if name == event:
                return seen
    raise AssertionError(f"the stream ended before {event}: {seen}")


def test_the_stream_tells_what_changes_and_ends_with_its_token(
    api: Checked, other: Checked, served: Served, world: World
) -> None:
    served.hub.beat = 3600.0
    track = world.track()
    job = world.job(track)
    theirs = world.track("Theirs", user_id=world.one("SELECT max(id) AS id FROM users")["id"])
    headers = {"authorization": f"Bearer {api.token}"}
    with httpx.stream(
        "GET", f"{served.address}/api/v1/events", headers=headers, timeout=60
    ) as stream:
        lines = stream.iter_lines()
        begin = lines_until(lines, "queues")
        assert [one["event"] for one in begin] == ["hello", "job", "queues"]
        assert begin[1]["data"]["id"] == job
        api.hold({"$ref": "#/components/schemas/Job"}, begin[1]["data"])
        world.job(theirs)
        world.claim()
        world.progress(job, 42, "separating")
        while True:
            [*_, told] = lines_until(lines, "job")
            assert told["data"]["id"] == job, "nobody else's job is told"
            if told["data"]["progress"] == 42:
                break
        world.connection.execute(
            "DELETE FROM user_tokens WHERE token_hash = %s", [digest(api.token)]
        )
        assert lines_until(lines, "bye")[-1]["event"] == "bye"
        assert not any(line.startswith("event:") for line in lines)


def test_the_stream_tells_of_batches_whose_counts_change(
    api: Checked, other: Checked, served: Served, world: World
) -> None:
    served.hub.beat = 3600.0
    make = "INSERT INTO batch_jobs (title, model, track_ids) VALUES ('Friday', 'spectral', %s::uuid[]) RETURNING id"
    theirs = world.track("Theirs", user_id=world.one("SELECT max(id) AS id FROM users")["id"])
    which = str(world.one(make, [world.track("One"), world.track("Two")])["id"])
    world.worker()
    headers = {"authorization": f"Bearer {api.token}"}
    with httpx.stream(
        "GET", f"{served.address}/api/v1/events", headers=headers, timeout=60
    ) as stream:
        lines = stream.iter_lines()

        def told() -> tuple[Any, ...]:
            *_, last = lines_until(lines, "batch")
            said = last["data"]
            api.hold({"$ref": "#/components/schemas/Batch"}, said)
            return said["id"], said["status"], said["active"], said["failed"], said["completed"]

        assert told() == (which, "running", 2, 0, 0), "it goes on when the stream begins"
        world.one(make, [theirs])
        world.claim()
        first, second = (
            str(row["job_id"])
            for row in world.connection.execute(
                "SELECT job_id FROM batch_members WHERE batch_id = %s ORDER BY position", [which]
            ).fetchall()
        )
        world.progress(first, 42, "separating")
        world.finish(first, "failed", "It broke.", "input")
        assert told() == (which, "running", 1, 1, 0), "neither theirs nor mere progress"
        world.finish(second)
        assert told() == (which, "partial", 0, 1, 1)
        # One job alone starts afresh, and is deleted: the counts change by that, too.
        world.one("SELECT sfa_retry(%s)", first)
        assert told() == (which, "running", 1, 0, 1)
        world.one("SELECT sfa_cancel(%s)", first)
        assert told() == (which, "partial", 0, 0, 1)
        world.connection.execute("DELETE FROM tracks WHERE title = 'One'")
        assert told() == (which, "completed", 0, 0, 1)
        again = str(world.one(make, [world.track("Three")])["id"])
        assert told() == (again, "running", 1, 0, 0), "a new one"
        world.connection.execute("DELETE FROM processing_jobs WHERE id = (SELECT job_id FROM batch_members WHERE batch_id = %s)", [again])  # fmt: skip
        assert told() == (again, "cancelled", 0, 0, 0)


def test_the_document_says_what_the_stream_tells(stranger: TestClient) -> None:
    body = stranger.get("/api/v1/openapi.json").json()
    said = body["paths"]["/api/v1/events"]["get"]["description"]
    for event in ("hello", "job", "batch", "track", "queues", "away", "bye"):
        assert f"``{event}``" in said


def test_a_batch_that_ended_while_the_line_was_silent_is_told(
    api: Checked, served: Served, world: World
) -> None:
    served.hub.beat = 3600.0
    track = world.track("One")
    which = str(world.one("INSERT INTO batch_jobs (model, track_ids) VALUES ('spectral', ARRAY[%s::uuid]) RETURNING id", track)["id"])  # fmt: skip
    world.worker()
    world.claim()
    headers = {"authorization": f"Bearer {api.token}"}
    with httpx.stream(
        "GET", f"{served.address}/api/v1/events", headers=headers, timeout=60
    ) as stream:
        lines = stream.iter_lines()
        assert lines_until(lines, "batch")[-1]["data"]["status"] == "running"
        # Its end rings no bell, as when the listener's connection is down; then the connection comes back.
        world.connection.execute("ALTER TABLE processing_jobs DISABLE TRIGGER USER")
        world.finish(str(world.one("SELECT job_id FROM batch_members")["job_id"]))
        world.connection.execute("NOTIFY sfa_changed, '*'")
        [*_, last] = lines_until(lines, "batch")
        assert (last["data"]["id"], last["data"]["status"]) == (which, "completed")


def test_the_stream_of_a_stranger_is_refused(served: Served) -> None:
    assert httpx.get(f"{served.address}/api/v1/events").status_code == 401


def test_a_database_that_is_away_is_a_problem_with_503(api: Checked, dsn: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(
        dsn.replace(f"dbname={name}", "dbname=postgres"), autocommit=True
    ) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        answer = api("GET", "tracks")
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
    assert answer.status_code == 503
    assert "Jobs are safe" in answer.json()["detail"]


def test_the_readme_s_examples_do_what_they_say(
    served: Served, world: World, tmp_path: Path
) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    block = next(b for b in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL) if "/api/v1/" in b)
    (tmp_path / "song.mp3").write_bytes(sound(440, 1))
    names = {"TOKEN": token(world), "SFA": served.address, "TRACK": world.track()}
    ran = []
    for line in block.strip().splitlines():
        # The stream goes on for ever: a second of it is enough.
        line = line.replace(
            "curl ",
            "curl -sS --fail-with-body --max-time 2 "
            if " -N " in line
            else "curl -sS --fail-with-body ",
        )
        ran.append(
            subprocess.run(
                ["/bin/sh", "-c", line], cwd=tmp_path, env=os.environ | names, check=False,
                capture_output=True, text=True, timeout=60,
            )
        )  # fmt: skip
    upload, failed, made, stream = ran
    assert json.loads(upload.stdout)["title"] == "song", upload.stderr
    assert json.loads(failed.stdout)["items"] == []
    assert json.loads(made.stdout)["kind"] == "analysis", made.stderr + made.stdout
    assert "event: hello" in stream.stdout
