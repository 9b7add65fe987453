"""The pages of batches and notifications: what they show, what they do, and for whom."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import until
from tests.web.rows import World

if TYPE_CHECKING:
    from playwright.sync_api import Page


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


def many(world: World, count: int = 250) -> str:
    """A batch of so many tracks without sounds, their jobs waiting."""
    row = world.one(
        """WITH t AS (INSERT INTO tracks (title, user_id, audio_key, duration_ms)
               SELECT 'Song ' || n, sfa_local_owner(), 'audio/' || n || '.wav', 1000 FROM generate_series(1, %s) n RETURNING id, title)
           SELECT array_agg(id ORDER BY length(title), title) AS ids FROM t""",
        count,
    )
    made = world.one(
        "INSERT INTO batch_jobs (title, model, track_ids) VALUES ('Friday', 'spectral', %s) RETURNING id", row["ids"]
    )  # fmt: skip
    return str(made["id"])


def songs(text: str) -> list[int]:
    """The numbers of the songs that a page lists, in its order."""
    return [int(n) for n in re.findall(r'class="link-row"[^>]*>Song (\d+)<', text)]


def test_a_batch_lists_a_hundred_at_a_time_by_key(owner: TestClient, world: World) -> None:
    which = many(world)
    address, seen = f"/batches/{which}", list[list[int]]()
    for _ in range(3):
        page = owner.get(address).text
        seen.append(songs(page))
        further = re.search(r'rel="next" href="([^"]+)"', page)
        address = further[1].replace("&amp;", "&") if further else ""
    assert [len(part) for part in seen] == [100, 100, 50]
    assert [n for part in seen for n in part] == [*range(1, 251)]
    assert address == "", "the last page leads no further"
    # A track that goes meanwhile shifts nothing: the next page begins after the place, not after a number of rows.
    world.connection.execute("DELETE FROM tracks WHERE title = 'Song 1'")
    assert songs(owner.get(f"/batches/{which}?after=100").text)[:2] == [101, 102]


def test_tabs_by_state_have_counts_and_stand_in_the_address(
    owner: TestClient, world: World
) -> None:
    which = many(world)
    world.connection.execute(
        """UPDATE procrastinate_jobs SET status = 'doing' WHERE id IN (
               SELECT queue_job_id FROM sfa_batch_members m JOIN processing_jobs j ON j.id = m.job_id WHERE m.position IN (4, 240));
           UPDATE procrastinate_jobs SET status = 'failed' WHERE id IN (
               SELECT queue_job_id FROM sfa_batch_members m JOIN processing_jobs j ON j.id = m.job_id WHERE m.position = 240);
           UPDATE batch_members SET job_id = NULL, reason = 'There is no sound.' WHERE position = 7"""
    )
    page = owner.get(f"/batches/{which}").text
    tabs = dict(re.findall(r">(\w+) <b>(\d+)</b></a>", page))
    assert tabs == {"all": "250", "waiting": "247", "running": "1", "failed": "1", "refused": "1", "cancelled": "0", "done": "0"}  # fmt: skip
    for status, numbers in (("running", [4]), ("failed", [240]), ("refused", [7]), ("completed", [])):  # fmt: skip
        part = owner.get(f"/batches/{which}?status={status}").text
        assert songs(part) == numbers, status
        assert re.search(rf'status={status}" aria-current="true"', part)
    waiting = owner.get(f"/batches/{which}?status=waiting&after=100").text
    assert songs(waiting) == [*range(101, 201)], "pages within a state go by place, too"
    assert f"/batches/{which}?status=waiting&amp;after=200" in waiting
    assert "There is no sound." in owner.get(f"/batches/{which}?status=refused").text
    assert "None of the tracks is in this state" in owner.get(f"/batches/{which}?status=completed").text  # fmt: skip


@pytest.mark.parametrize("query", ["status=happy", "after=x", "after=-1", "after=999999999"])
def test_a_part_that_is_none_is_refused(owner: TestClient, world: World, query: str) -> None:
    which = batch(world, 1)
    assert owner.get(f"/batches/{which}?{query}").status_code == 400
    assert owner.get(f"/events?page=batch&batch={which}&{query}").status_code == 400


@pytest.mark.browser
def test_an_open_batch_moves_with_its_jobs(page: Page, world: World) -> None:
    which = batch(world)
    page.goto(f"/batches/{which}?status=running")
    page.wait_for_selector("#live-state[data-state=live]")
    page.evaluate("window.mark = 'not reloaded'")
    assert page.get_by_text("None of the tracks is in this state").is_visible()
    world.worker()
    world.claim()
    until(page, "document.querySelectorAll('.batch-rows .state-running').length === 3")
    job = str(world.one("SELECT job_id FROM sfa_batch_members WHERE position = 2")["job_id"])
    world.progress(job, 42, "separating, 3 of 7")
    page.locator(".batch-rows").get_by_text("running 42 %").wait_for()
    assert page.locator("#batch_head progress").get_attribute("value") == "14.0"
    world.finish(job, "failed", "It broke.", "input")
    until(page, "document.querySelectorAll('.batch-rows .state-running').length === 2")
    assert page.locator("#batch_states .tab-failed").inner_text() == "failed 1"
    page.get_by_role("button", name="Retry what failed").click()
    until(page, "document.querySelector('#batch_states .tab-waiting').innerText === 'waiting 1'")
    page.get_by_role("button", name="Cancel the rest").click()
    until(
        page, "document.querySelector('#batch_states .tab-cancelled').innerText === 'cancelled 1'"
    )
    assert page.evaluate("window.mark") == "not reloaded"
    assert "status=running" in page.url


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
