"""Jobs and queues: the filters in the address, pages by key, changes of many with a question first, a job's own page."""

import re
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from tests.web.rows import World

if TYPE_CHECKING:
    from playwright.sync_api import Page

LIVE = "#live-state[data-state=live]"


def titles(text: str) -> list[str]:
    """The tracks in the rows, in order."""
    return re.findall(r'<td class="cell-track"><a [^>]*>([^<]+)</a>', text)


def test_every_filter_is_in_the_address(owner: TestClient, world: World) -> None:
    done = world.job(world.track("Done"), "spectral")
    bad = world.job(world.track("Bad"), "htdemucs")
    world.claim()
    world.finish(done)
    world.finish(bad, "failed", "No such weights.", "resource")
    world.job(world.track("Later", "Somebody Else"), "htdemucs_ft")
    for query, expected in (
        ("", ["Later", "Bad", "Done"]),
        ("status=failed", ["Bad"]),
        ("status=completed", ["Done"]),
        ("kind=processing", ["Later", "Bad", "Done"]),
        ("kind=analysis", []),
        ("detail=htdemucs_ft", ["Later"]),
        ("reason=resource", ["Bad"]),
        ("q=somebody", ["Later"]),
        ("q=somebody&status=failed", []),
        ("since=1h&status=waiting", ["Later"]),
    ):
        answer = owner.get(f"/jobs?{query}")
        assert answer.status_code == 200
        assert titles(answer.text) == expected, query
    world.connection.execute("UPDATE processing_jobs SET inserted_at = now() - interval '2 hours'")
    assert titles(owner.get("/jobs?since=1h").text) == []
    refused = owner.get("/jobs?status=broken")
    assert refused.status_code == 400
    assert "There are: running, waiting" in refused.text


def test_pages_go_by_key_and_miss_nothing(owner: TestClient, world: World) -> None:
    names = [f"Song {n:03}" for n in range(120)]
    for name in names:
        world.job(world.track(name))
    address, seen = "/jobs?status=waiting", list[str]()
    for expected in (50, 50, 20):
        text = owner.get(address).text
        seen += titles(text)
        assert len(titles(text)) == expected
        following = re.search(r'rel="next" href="([^"]+)"', text)
        address = following[1].replace("&amp;", "&") if following else ""
        # What is queued meanwhile moves nothing from one page to another.
        world.job(world.track("In Between"))
    assert seen == names[::-1]
    assert address == ""
    assert owner.get("/jobs?before=rubbish").status_code == 400


def test_many_are_cancelled_and_started_again_after_a_question(
    owner: TestClient, world: World
) -> None:
    jobs = [world.job(world.track(f"Song {n}")) for n in range(3)]
    asked = owner.post("/jobs/bulk", data={"verb": "cancel", "id": jobs[:2]})
    assert "Cancel 2 jobs?" in asked.text
    assert world.one("SELECT count(*) AS n FROM sfa_jobs WHERE status = 'waiting'")["n"] == 3
    done = owner.post("/jobs/bulk", data={"verb": "cancel", "id": jobs[:2], "sure": "1"})
    assert done.status_code == 303
    assert "2+of+2+cancelled" in done.headers["location"]
    assert world.one("SELECT count(*) AS n FROM sfa_jobs WHERE status = 'cancelled'")["n"] == 2
    everything = {"verb": "retry", "all": "1", "sure": "1"}
    owner.post("/jobs/bulk?status=cancelled", data=everything)
    assert world.one("SELECT count(*) AS n FROM sfa_jobs WHERE status = 'waiting'")["n"] == 3
    assert "Nothing to do" in owner.post("/jobs/bulk", data={"verb": "retry", "id": jobs}).text
    assert owner.post("/jobs/bulk", data={"verb": "delete", "id": jobs}).status_code == 400


def test_nobody_steers_other_peoples_jobs(owner: TestClient, world: World) -> None:
    other = world.one("INSERT INTO users (email) VALUES ('other@example.org') RETURNING id")["id"]
    job = world.job(world.track("Theirs", user_id=other))
    assert owner.get(f"/jobs/{job}").status_code == 404
    assert "Theirs" not in owner.get("/jobs").text
    owner.post("/jobs/bulk", data={"verb": "cancel", "id": [job], "sure": "1"})
    assert world.one("SELECT status FROM sfa_jobs")["status"] == "waiting"


def test_a_job_tells_its_story(owner: TestClient, world: World) -> None:
    job = world.job(world.track("Night Drive"))
    assert "No attempt yet" in owner.get(f"/jobs/{job}").text
    world.claim()
    number, token = world.tokens[job]
    world.one(
        """SELECT sfa_finish_v1(%s, %s, 'failed', 'It fell over.', 'crash', %s, NULL) AS done""",
        number,
        token,
        '{"signal": "SIGKILL", "peak_rss": 512000000, "stderr": "last words <b>"}',
    )
    text = owner.get(f"/jobs/{job}").text
    for words in ("It fell over.", "SIGKILL", "512.0 MB", "last words &lt;b&gt;", "a crash"):
        assert words in text
    assert text.index("queued") < text.index("claimed by a worker")


def test_queues_are_paused_with_a_reason_and_limited(owner: TestClient, world: World) -> None:
    owner.post("/queues/processing", data={"verb": "pause", "reason": "the fan is loud"})
    assert "the fan is loud" in owner.get("/queues").text
    world.job(world.track())
    world.worker()
    world.claim()
    assert world.tokens == {}, "nothing is claimed from a paused queue"
    owner.post("/queues/processing", data={"verb": "resume"})
    world.claim()
    assert len(world.tokens) == 1
    owner.post("/queues/processing", data={"verb": "limit", "concurrency": "7"})
    row = world.one("SELECT concurrency, paused FROM queues WHERE name = 'processing'")
    assert row == {"concurrency": 7, "paused": False}
    for given, kept in (("9", 9), (None, 9), ("", None)):
        form = {"verb": "limit", "concurrency": "7"} | (
            {} if given is None else {"everywhere": given}
        )
        owner.post("/queues/processing", data=form)
        row = world.one("SELECT global_concurrency FROM queues WHERE name = 'processing'")
        assert row["global_concurrency"] == kept, given
    bad = {"verb": "limit", "concurrency": "7", "everywhere": "none"}
    assert owner.post("/queues/processing", data=bad).status_code == 422
    for wrong in ("0", "1001", "x", "²"):
        answer = owner.post("/queues/processing", data={"verb": "limit", "concurrency": wrong})
        assert answer.status_code == 422
    assert owner.post("/queues/nothing", data={"verb": "resume"}).status_code == 404
    world.connection.execute("UPDATE users SET role = 'user'")
    world.connection.execute(
        "INSERT INTO users (email, role) VALUES ('admin@example.org', 'admin')"
    )
    assert owner.post("/queues/processing", data={"verb": "resume"}).status_code == 403
    assert 'value="pause"' not in owner.get("/queues").text


@pytest.mark.browser
def test_rows_do_not_move_under_the_pointer(page: "Page", world: World) -> None:
    first = world.job(world.track("First"))
    page.goto("/jobs")
    page.wait_for_selector(LIVE)
    row = page.locator(f"#row-{first}")
    row.hover()
    place = row.bounding_box()
    world.job(world.track("Second"))
    world.claim()
    world.progress(first, 30, "separating")
    page.locator("#job_states").get_by_text("running 2").wait_for()
    assert row.bounding_box() == place
    assert page.locator(".job-rows tbody tr").count() == 1
    page.mouse.move(5, 5)
    page.locator(".job-rows").get_by_text("Second").wait_for()
    page.locator(f"#row-{first}").get_by_text("running 30 %").wait_for()


@pytest.mark.browser
def test_choosing_by_hand_and_cancelling(page: "Page", world: World) -> None:
    for n in range(4):
        world.job(world.track(f"Song {n}"))
    page.goto("/jobs")
    page.wait_for_selector(LIVE)
    boxes = page.locator("input[name=id]")
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    page.get_by_text("3 chosen").wait_for()
    page.locator("#bulk").get_by_role("button", name="Cancel").click()
    page.get_by_role("heading", name="Cancel 3 jobs?").wait_for()
    page.get_by_role("button", name="Cancel 3 jobs").click()
    page.get_by_text("3 of 3 cancelled").wait_for()
    assert world.one("SELECT count(*) AS n FROM sfa_jobs WHERE status = 'waiting'")["n"] == 1


@pytest.mark.browser
def test_a_queue_is_paused_and_another_tab_shows_it(page: "Page", world: World) -> None:
    other = page.context.new_page()
    other.goto("/queues")
    other.wait_for_selector(LIVE)
    page.goto("/queues")
    page.wait_for_selector(LIVE)
    page.locator("#reason-analysis").fill("a better model comes")
    page.get_by_role("button", name="Pause analysis").click()
    for tab in (page, other):
        tab.locator("#queue-analysis").get_by_text("paused: a better model comes").wait_for()
    other.get_by_role("button", name="Resume analysis").click()
    page.get_by_role("button", name="Pause analysis").wait_for()


def test_an_import_is_a_job_without_a_track(owner: TestClient, world: World) -> None:
    address = "https://open.spotify.com/playlist/37i9dQZF1DX4sWSpwq3LiO"
    row = world.one("INSERT INTO imports (address) VALUES (%s) RETURNING id", address)
    for path in ("/", "/jobs", "/jobs?kind=import", "/jobs?status=waiting", f"/jobs/{row['id']}"):
        text = owner.get(path).text
        assert "Import" in text, path
        assert address in text, path
    assert "Import" not in owner.get("/jobs?kind=analysis").text.split('id="job_list"')[1]
    assert owner.post(f"/jobs/{row['id']}/cancel").headers["location"] == f"/jobs/{row['id']}"
    assert world.one("SELECT status FROM imports")["status"] == "cancelled"


def test_a_separation_again_with_other_settings(owner: TestClient, world: World) -> None:
    job = world.job(world.track())
    world.claim()
    world.finish(job)
    text = owner.get(f"/jobs/{job}").text
    track = re.search(r'action="/tracks/([^/]+)/separate"', text)
    assert track is not None
    address = f"/tracks/{track[1]}/separate"
    form = {"model": "htdemucs", "format": "flac", "stems": ["vocals", "drums"], "precision": "fast", "overlap": "0.1"}  # fmt: skip
    assert owner.post(address, data=form).status_code == 303
    row = world.one("SELECT options FROM processing_jobs WHERE model = 'htdemucs'")
    assert row["options"] == {"format": "flac", "stems": ["vocals", "drums"], "precision": "fast", "overlap": 0.1}  # fmt: skip
    for wrong in ({"overlap": "2"}, {"overlap": "x"}, {"device": "toaster"}, {"format": "mp4"}):
        assert owner.post(address, data={"model": "htdemucs_ft", **wrong}).status_code == 422


def test_a_schedule_is_paused_changed_and_run(owner: TestClient, world: World) -> None:
    text = owner.get("/schedule").text
    assert "housekeeping" in text
    assert "17 * * * *" in text
    owner.post("/schedule/housekeeping", data={"verb": "pause"})
    assert world.one("SELECT paused FROM schedules WHERE name = 'housekeeping'")["paused"]
    owner.post("/schedule/housekeeping", data={"verb": "resume"})
    owner.post("/schedule/housekeeping", data={"verb": "change", "cron": "5 3 * * *", "time_zone": "Europe/Berlin"})  # fmt: skip
    row = world.one("SELECT cron, time_zone FROM schedules WHERE name = 'housekeeping'")
    assert row == {"cron": "5 3 * * *", "time_zone": "Europe/Berlin"}
    owner.post("/schedule/rescue", data={"verb": "run"})
    assert world.one("SELECT count(*) AS n FROM procrastinate_jobs WHERE task_name = 'rescue'")["n"] == 1  # fmt: skip
    wrong = owner.post("/schedule/rescue", data={"verb": "change", "cron": "99 * * * *"}, headers={"accept": "application/json"})  # fmt: skip
    assert (wrong.status_code, "That is no time" in wrong.json()["error"]) == (422, True)
    assert owner.post("/schedule/nothing", data={"verb": "run"}).status_code == 404
    job = world.job(world.track("Later Song"))
    world.one("SELECT sfa_reschedule(%s::uuid, now() + interval '1 hour')", job)
    assert "Later Song" in owner.get("/schedule").text


@pytest.mark.browser
def test_the_log_of_a_job_grows_on_its_page(page: "Page", world: World) -> None:
    job = world.job(world.track())
    world.claim()
    page.goto(f"/jobs/{job}")
    page.wait_for_selector(LIVE)
    page.get_by_text("It has said nothing so far.").wait_for()
    number, token = world.tokens[job]
    say = "SELECT sfa_log_v1(ARRAY[%s::bigint], ARRAY[%s::uuid], ARRAY[%s])"
    world.connection.execute(say, [number, token, "12:00:00 separating, 1 of 3\n"])
    page.locator("#job-words", has_text="1 of 3").wait_for()
    world.connection.execute(say, [number, token, "a <warning>\n" * 3000])
    page.locator("#job-words", has_text="a <warning>").wait_for()
    assert page.evaluate(
        "(pre => pre.scrollHeight - pre.scrollTop - pre.clientHeight < 30)(document.getElementById('job-words'))"
    ), "the end is in sight"
    assert world.one("SELECT length(words) AS n FROM job_logs")["n"] == 16000
    # Somebody else's lease says nothing.
    world.connection.execute(say, [number, "00000000-0000-0000-0000-000000000000", "lies"])
    assert "lies" not in world.one("SELECT words FROM job_logs")["words"]
