"""A visitor's whole way in a real browser: a song goes up, its separation moves, it plays, is marked, fails, is tried again."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.web.conftest import until
from tests.web.rows import World, sound

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
MIXER = "document.querySelector('sfa-mixer')"


def test_from_an_upload_to_a_cue_and_through_a_failure(
    page: "Page", world: World, tmp_path: Path
) -> None:
    page.goto("/")
    page.wait_for_selector("#live-state[data-state=live]")
    song = tmp_path / "Ana Torrent - Journey.wav"
    song.write_bytes(sound(220.0, 6.0))
    page.set_input_files("#file", song)
    page.locator("#running").get_by_text("Journey").wait_for()
    row = world.one(
        "SELECT t.id AS track, j.id AS job FROM tracks t JOIN processing_jobs j ON j.track_id = t.id"
    )
    track, job = str(row["track"]), str(row["job"])
    world.claim()
    for percent in (12, 58):
        world.progress(job, percent, "separating")
        page.locator("#running").get_by_text(f"running {percent} %").wait_for()
    page.locator("#running a.job-title").first.click()
    page.wait_for_selector("#live-state[data-state=live]")
    page.evaluate("window.mark = 'the same page'")

    world.stems(track, job)
    world.analysis(track)
    world.finish(job)
    page.locator("sfa-mixer .lane[data-stem]").nth(3).wait_for()
    until(page, "document.querySelectorAll('sfa-chart svg').length === 5")
    until(page, f"{MIXER}.grid.beats.length > 10")
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, f"{MIXER}.engine?.playing && {MIXER}.time() > 0.5")
    page.get_by_role("button", name="Mute vocals").click()
    until(page, f"{MIXER}.lanes[0].gain.gain.value < 0.02")
    page.keyboard.press("Space")
    page.keyboard.press("c")
    page.locator(".cue-row .cue").wait_for()
    assert world.one("SELECT count(*) AS n FROM cue_points")["n"] == 1

    page.locator(".track-tools select[name=model]").select_option("htdemucs")
    page.get_by_role("button", name="Separate", exact=True).click()
    page.locator("#jobs .state-waiting").wait_for()
    second = str(world.one("SELECT id FROM processing_jobs WHERE model = 'htdemucs'")["id"])
    world.claim()
    world.finish(second, "failed", "The weights are not here.", "resource")
    page.locator("#jobs").get_by_text("The weights are not here.").wait_for()
    page.get_by_role("button", name="Retry: Separation with htdemucs").click()
    page.locator("#jobs .state-waiting").wait_for()
    page.get_by_role("button", name="Cancel: Separation with htdemucs").click()
    until(page, "!document.querySelector('#jobs > .jobs .state-waiting')")
    assert (
        world.one("SELECT status FROM processing_jobs WHERE id = %s", second)["status"]
        == "cancelled"
    )
    assert page.evaluate("window.mark") == "the same page"
