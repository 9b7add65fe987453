"""The pages of batches and notifications: what they show, what they do, and for whom."""

from __future__ import annotations

from starlette.testclient import TestClient

from tests.web.rows import World


def batch(world: World, count: int = 3) -> str:
    ids = [world.track(f"Song {n}") for n in range(count)]
    row = world.one(
        "INSERT INTO batch_jobs (title, model, track_ids) VALUES ('Friday', 'spectral', %s::uuid[]) RETURNING id", ids
    )  # fmt: skip
    return str(row["id"])


def fail(world: World) -> None:
    world.worker()
    world.claim()
    job = world.one("SELECT id FROM processing_jobs WHERE status = 'running' LIMIT 1")
    world.finish(str(job["id"]), "failed", "It broke.", "input")


def test_a_batch_shows_its_members_and_is_cancelled_and_retried(
    owner: TestClient, world: World
) -> None:
    which = batch(world)
    fail(world)
    assert "Friday" in owner.get("/batches").text
    page = owner.get(f"/batches/{which}").text
    assert "Song 0" in page
    assert "It broke." in page
    assert owner.post(f"/batches/{which}", data={"verb": "cancel"}).status_code == 303
    # What runs ends within its grace; nothing waits any more.
    waits = world.one("SELECT count(*) FROM sfa_batch_members WHERE status = 'waiting'")
    assert waits["count"] == 0
    assert owner.post(f"/batches/{which}", data={"verb": "retry"}).status_code == 303
    assert world.one("SELECT failed, cancelled FROM sfa_batches") == {"failed": 0, "cancelled": 0}
    assert owner.post(f"/batches/{which}", data={"verb": "dance"}).status_code == 400


def test_retry_leaves_the_cancelled_alone_and_restart_takes_them_too(
    owner: TestClient, world: World
) -> None:
    which = batch(world)
    assert "Retry" not in owner.get(f"/batches/{which}").text
    owner.post(f"/batches/{which}", data={"verb": "cancel"})
    page = owner.get(f"/batches/{which}").text
    assert "Retry what failed" not in page, "nothing did"
    assert "Retry, the cancelled too" in page
    assert owner.post(f"/batches/{which}", data={"verb": "retry"}).status_code == 303
    assert world.one("SELECT cancelled FROM sfa_batches")["cancelled"] == 3
    assert owner.post(f"/batches/{which}", data={"verb": "restart"}).status_code == 303
    assert world.one("SELECT active FROM sfa_batches")["active"] == 3


def test_somebody_elses_batch_is_not_there(owner: TestClient, world: World) -> None:
    other = world.one("INSERT INTO users (email) VALUES ('other@example.org') RETURNING id")["id"]
    track = world.track("Theirs", user_id=other)
    which = world.one(
        "INSERT INTO batch_jobs (model, track_ids) VALUES ('spectral', ARRAY[%s::uuid]) RETURNING id", track
    )["id"]  # fmt: skip
    assert owner.get(f"/batches/{which}").status_code == 404
    assert owner.post(f"/batches/{which}", data={"verb": "cancel"}).status_code == 404
    assert world.one("SELECT active FROM sfa_batches")["active"] == 1


def test_what_happened_is_told_once_and_read(owner: TestClient, world: World) -> None:
    world.job(world.track("Song"))
    fail(world)
    page = owner.get("/notifications").text
    assert "1 new notification" in page
    assert "The separation of “Song” failed" in page
    assert "It broke." in page
    newest = world.one("SELECT max(id) AS id FROM notifications")["id"]
    done = owner.post("/notifications", data={"verb": "read", "until": str(newest)})
    assert done.status_code == 303
    assert "Mark all as read" not in owner.get("/notifications").text
    owner.post("/notifications", data={"verb": "mail", "kind": ["failed", "batch"]})
    assert world.one("SELECT by_mail FROM notification_settings")["by_mail"] == ["failed", "batch"]
    assert owner.post("/notifications", data={"verb": "mail", "kind": "x"}).status_code == 400
    assert owner.post("/notifications", data={"verb": "read", "until": "x"}).status_code == 400


def test_a_track_goes_to_the_cloud_by_a_form_once_there_is_a_key(
    owner: TestClient, world: World
) -> None:
    track = world.track("Song", seconds=90)
    assert "Send to lalal.ai" not in owner.get(f"/tracks/{track}").text
    owner.post("/cloud/key", data={"key": "a-secret-key", "back": f"/tracks/{track}"})
    page = owner.get(f"/tracks/{track}").text
    assert "Costs 1.5 minutes" in page
    assert "a-secret-key" not in page
    form = {"operation": "multistem", "stems": ["vocals", "drums"], "fallback": "spectral"}
    assert owner.post(f"/tracks/{track}/cloud", data=form).status_code == 303
    row = world.one("SELECT model, operation::text, options, fallback FROM processing_jobs")
    assert row == {
        "model": "lalalai", "operation": "multistem", "options": {"stems": ["vocals", "drums"]}, "fallback": "spectral",
    }  # fmt: skip
    assert owner.post(f"/tracks/{track}/cloud", data={"operation": "dance"}).status_code == 400
    refused = owner.post(f"/tracks/{track}/cloud", data={"operation": "multistem"})
    assert refused.status_code == 422
    assert "one to six different ones" in refused.text
    other = world.one("INSERT INTO users (email) VALUES ('other@example.org') RETURNING id")["id"]
    theirs = world.track("Theirs", user_id=other)
    assert owner.post(f"/tracks/{theirs}/cloud", data={"operation": "demuser"}).status_code == 404
    moved = owner.post("/cloud/key", data={"key": "", "back": "//evil.example"})
    assert moved.headers["location"] == "/"
    assert "Send to lalal.ai" not in owner.get(f"/tracks/{track}").text
