"""Exports over HTTP: asked for by a form, downloaded by their owner alone."""

from starlette.testclient import TestClient

from tests.web.rows import World


def separation(world: World, track: str) -> str:
    row = world.one("SELECT id FROM processing_jobs WHERE track_id = %s", track)
    return str(row["id"])


def made(world: World, track: str, job: str, body: bytes = b"PK\x03\x04 a zip") -> str:
    key = world.put("exports/0123.zip", body)
    export = world.one(
        "INSERT INTO processing_jobs (operation, options)"
        " VALUES ('export', jsonb_build_object('of', %s::text, 'package', 'zip')) RETURNING id",
        job,
    )
    row = world.one(
        """INSERT INTO exports (track_id, processing_job_id, separation_id, package, file_name, audio_key, bytes, sha256)
           VALUES (%s, %s, %s, 'zip', 'Ünï – Night.zip', %s, %s, '0123') RETURNING id""",
        track, export["id"], job, key, len(body),
    )  # fmt: skip
    return str(row["id"])


def test_a_form_makes_an_export(owner: TestClient, world: World) -> None:
    track = world.done_track()
    job = separation(world, track)
    form = {"job": job, "package": "mix", "format": "flac", "bits": "16"}
    answer = owner.post(
        f"/tracks/{track}/export",
        data={**form, "gain:vocals": "-6", "gain:bass": "", "gain:drums": "0"},
    )
    assert answer.status_code == 303, answer.text
    row = world.one("SELECT * FROM processing_jobs WHERE operation = 'export'")
    assert row["options"] == {
        "of": job, "package": "mix", "format": "flac", "bits": 16, "gains": {"vocals": -6, "drums": 0},
    }  # fmt: skip
    assert (row["model"], row["task_name"], str(row["track_id"])) == ("spectral", "export", track)
    assert world.one("SELECT queue_name FROM procrastinate_jobs WHERE task_name = 'export'") == {
        "queue_name": "default"
    }
    page = owner.get(f"/tracks/{track}")
    assert "Export: mix" in page.text


def test_what_cannot_be_exported_is_said(owner: TestClient, world: World) -> None:
    track = world.done_track()
    job = separation(world, track)
    headers = {"accept": "application/json"}
    for form, status, words in (
        ({"job": job, "gain:vocals": "loud"}, 400, "numbers"),
        ({"job": job, "gain:vocals": "60"}, 422, "-60 and 12"),
        ({"job": job, "package": "rar"}, 422, "a mix, a zip"),
        ({"job": "x"}, 404, "nothing here"),
        ({"job": "3f0e1c1e-0000-4000-8000-000000000000"}, 422, "separate the track again"),
    ):
        answer = owner.post(f"/tracks/{track}/export", data=form, headers=headers)
        assert answer.status_code == status, answer.text
        assert words in answer.json()["error"]


def test_only_the_owner_downloads(owner: TestClient, world: World) -> None:
    track = world.done_track()
    job = separation(world, track)
    export = made(world, track, job)
    answer = owner.get(f"/media/exports/{export}?download")
    assert (answer.status_code, answer.content) == (200, b"PK\x03\x04 a zip")
    assert answer.headers["content-type"] == "application/zip"
    assert "%C3%9Cn%C3%AF%20%E2%80%93%20Night.zip" in answer.headers["content-disposition"]
    part = owner.get(f"/media/exports/{export}", headers={"range": "bytes=0-1"})
    assert (part.status_code, part.content) == (206, b"PK")
    assert "Ünï – Night.zip" in owner.get(f"/tracks/{track}").text
    other = world.one("INSERT INTO users (email) VALUES ('b@example.org') RETURNING id")
    world.connection.execute("UPDATE tracks SET user_id = %s", [other["id"]])
    assert owner.get(f"/media/exports/{export}").status_code == 404
    answer = owner.post(f"/tracks/{track}/export", data={"job": job})
    assert answer.status_code == 404
    assert owner.get("/media/exports/nonsense").status_code == 404
