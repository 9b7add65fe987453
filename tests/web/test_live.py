"""The live pages in a real browser: rows that SQL inserts appear, bars move when rows move, nothing reloads."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.web.conftest import OUT, Served, until
from tests.web.rows import World, sound

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
LIVE = "#live-state[data-state=live]"


def opened(page: "Page", path: str) -> None:
    """Open the page, wait until it is live, and leave a mark that a reload would wipe out."""
    page.goto(path)
    page.wait_for_selector(LIVE)
    page.evaluate("window.mark = 'not reloaded'")


def not_reloaded(page: "Page") -> bool:
    return bool(page.evaluate("window.mark === 'not reloaded'"))


def test_a_job_from_its_insert_to_its_end(page: "Page", world: World) -> None:
    opened(page, "/")
    assert page.get_by_text("Nothing is running").is_visible()
    assert page.get_by_text("No workers").is_visible()
    track = world.track("Made In Psql")
    job = world.job(track)
    page.wait_for_selector("#running .state-waiting")
    world.claim()
    world.progress(job, 42, "separating")
    page.get_by_text("running 42 %").first.wait_for()
    assert page.locator("#running progress").get_attribute("value") == "42.0"
    assert page.get_by_text("separating", exact=True).is_visible()
    world.progress(job, 77, "separating")
    page.get_by_text("running 77 %").first.wait_for()
    world.finish(job, "failed", "The file holds no sound.", "input")
    page.locator("#failed").get_by_text("The file holds no sound.").wait_for()
    page.locator("#failed").get_by_role("button", name="Retry: Made In Psql").click()
    page.wait_for_selector("#running .state-waiting")
    page.get_by_role("button", name="Cancel: Made In Psql").click()
    page.locator("#latest .state-cancelled").wait_for()
    assert not_reloaded(page)


def test_stems_and_charts_arrive_on_an_open_track_page(page: "Page", world: World) -> None:
    track = world.track()
    job = world.job(track)
    world.claim()
    opened(page, f"/tracks/{track}")
    assert page.locator("#stems audio").count() == 1, "the original can be heard meanwhile"
    world.stems(track, job)
    page.wait_for_selector("sfa-mixer .lane")
    world.analysis(track)
    page.locator("sfa-chart svg .bar-key").wait_for()
    page.get_by_text("A minor").first.wait_for()
    world.finish(job)
    page.get_by_text("1 finished job").wait_for()
    assert page.locator("sfa-chart[data-kind=spectrum] path.line").count() == 2
    assert page.locator("sfa-chart[data-kind=radar] .radar-dot").count() == 6
    for kind, mark, least in (("beats", ".beat-dot", 9), ("mfcc", ".heat", 500)):
        marks = page.locator(f"sfa-chart[data-kind={kind}] {mark}")
        drawn = sum((path.get_attribute("d") or "").count("M") for path in marks.all())
        assert drawn >= least
    assert not_reloaded(page)


def test_an_upload_by_the_form_and_by_a_drop(page: "Page", world: World, tmp_path: Path) -> None:
    opened(page, "/")
    song = tmp_path / "Ana Torrent - Uploaded.wav"
    song.write_bytes(sound(220.0, 1.0))
    page.set_input_files("#file", song)
    page.locator("#latest").get_by_text("Uploaded").wait_for()
    page.evaluate(
        """async (text) => {
            const data = new DataTransfer();
            data.items.add(new File([text], "song.mp3", {type: "audio/mpeg"}));
            document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        "these are only words\n" * 50,
    )
    page.locator("#uploads .bad").wait_for()
    assert "begins like text" in page.locator("#uploads .bad").inner_text()
    page.expected_complaints = ("status of 415",)  # type: ignore[attr-defined]
    assert world.one("SELECT title, artist FROM tracks") == {
        "title": "Uploaded",
        "artist": "Ana Torrent",
    }
    assert not_reloaded(page)


def test_pause_holds_the_page_still_and_going_on_shows_everything(
    page: "Page", world: World, served: Served
) -> None:
    opened(page, "/")
    page.click("#live-pause")
    page.wait_for_selector("#live-state[data-state=paused]")
    world.track("While Paused")
    until(page, "!document.getElementById('live')")
    assert page.locator("#latest").get_by_text("While Paused").count() == 0
    page.click("#live-pause")
    page.locator("#latest").get_by_text("While Paused").wait_for()
    page.wait_for_selector(LIVE)


def test_a_lost_server_shows_and_the_page_recovers_by_itself(
    page: "Page", world: World, served: Served
) -> None:
    opened(page, "/")
    page.expected_complaints = ("ERR_", "Failed to fetch", "network error")  # type: ignore[attr-defined]
    page.context.set_offline(True)
    served.hub.close()
    page.wait_for_selector("#live-state[data-state=away]")
    assert re.match(r"disconnected – as of \d", page.locator("#live-text").inner_text())
    page.screenshot(path=_picture("disconnected"))
    world.track("Meanwhile")
    served.hub.closing.clear()
    page.context.set_offline(False)
    page.locator("#latest").get_by_text("Meanwhile").wait_for(timeout=20_000)
    page.wait_for_selector(LIVE)
    assert not_reloaded(page)


def test_a_deleted_track_sends_its_page_to_the_list(page: "Page", world: World) -> None:
    track = world.track()
    opened(page, f"/tracks/{track}")
    page.get_by_text("Delete …").click()
    page.get_by_role("button", name="Delete Night Drive").click()
    page.wait_for_url("**/tracks")
    assert page.get_by_text("No tracks yet").is_visible()


def test_what_is_refused_is_said(page: "Page", world: World) -> None:
    track = world.track()
    world.job(track)
    opened(page, f"/tracks/{track}")
    page.get_by_role("button", name="Separate").click()
    page.get_by_text("This separation is waiting or running already.").wait_for()
    page.expected_complaints = ("status of 409",)  # type: ignore[attr-defined]
    assert page.locator("[role=status]").count() == 1
    assert not_reloaded(page)


def test_the_theme_stays_chosen(page: "Page", world: World) -> None:
    page.emulate_media(color_scheme="light")
    page.goto("/")
    ground = "getComputedStyle(document.body).backgroundColor || getComputedStyle(document.documentElement).backgroundColor"
    before = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.click("#theme")
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "sfa-dark"
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != before
    assert page.evaluate(ground)


def test_without_javascript_the_basics_work(page: "Page", world: World, tmp_path: Path) -> None:
    track = world.done_track()
    cookies = page.context.cookies()
    assert page.context.browser is not None
    plain = page.context.browser.new_context(
        java_script_enabled=False, base_url=page.url.rstrip("/")
    )
    plain.add_cookies(cookies)  # type: ignore[arg-type]
    tab = plain.new_page()
    tab.goto(f"/tracks/{track}")
    assert tab.locator(".wave audio").count() == 4
    assert not tab.locator(".transport").is_visible()
    tab.goto("/")
    song = tmp_path / "Plain.wav"
    song.write_bytes(sound(220.0, 0.5))
    tab.set_input_files("#file", song)
    tab.get_by_role("button", name="Upload").click()
    tab.wait_for_url("**/tracks/*")
    assert tab.get_by_role("heading", name="Plain").is_visible()
    plain.close()


def _picture(name: str) -> Path:
    OUT.mkdir(exist_ok=True)
    return OUT / f"{name}.png"
