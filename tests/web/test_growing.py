"""Stems that still grow: what is done is told, served and played."""

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import until
from tests.web.rows import STEMS, World, sound

if TYPE_CHECKING:
    from playwright.sync_api import Page

SECONDS = 2
RATE = 22050


def grow(
    world: World, track: str, job: str, number: int, stems: tuple[str, ...] = tuple(STEMS)
) -> None:
    """One piece more of each stem."""
    for stem in stems:
        body = sound(STEMS[stem], SECONDS)
        key = world.put(f"pieces/{track}/{job}/{number}.{stem}.wav", body)
        world.connection.execute(
            """INSERT INTO stem_pieces (processing_job_id, track_id, stem_type, number, first_frame, frames, sample_rate, audio_key)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
            [job, track, stem, number, number * SECONDS * RATE, SECONDS * RATE, RATE, key],
        )


def running(world: World) -> tuple[str, str]:
    track = world.track(seconds=8)
    job = world.job(track)
    world.claim()
    return track, job


def test_what_is_done_is_told_and_served(owner: TestClient, world: World) -> None:
    track, job = running(world)
    assert owner.get(f"/tracks/{track}/stems/live").status_code == 404
    grow(world, track, job, 0)
    grow(world, track, job, 1, ("vocals", "drums", "bass"))
    told = owner.get(f"/tracks/{track}/stems/live").json()
    assert (told["job"], told["status"], told["duration"], told["ready"]) == (job, "running", 8, 2)
    assert list(told["stems"]) == ["vocals", "drums", "bass", "other"]
    first, second = told["stems"]["vocals"]
    assert (first["start"], first["seconds"], second["start"]) == (0, 2, 2)
    assert owner.get(second["url"]).content == sound(STEMS["vocals"], SECONDS)
    assert owner.get(first["url"].replace("vocals", "kazoo")).status_code == 404
    assert owner.get(f"/media/pieces/{job}/vocals/7").status_code == 404
    # What does not join is not told.
    grow(world, track, job, 3)
    told = owner.get(f"/tracks/{track}/stems/live?job={job}").json()
    assert [len(pieces) for pieces in told["stems"].values()] == [2, 2, 2, 1]
    # A separation that has ended is the mixer's; and nobody else's stems are heard.
    world.finish(job)
    assert owner.get(f"/tracks/{track}/stems/live").status_code == 404
    other = world.one("INSERT INTO users (email) VALUES ('b@example.org') RETURNING id")
    world.connection.execute("UPDATE tracks SET user_id = %s", [other["id"]])
    assert owner.get(first["url"]).status_code == 404


@pytest.mark.browser
def test_it_plays_what_is_done_and_goes_on_with_what_comes(page: "Page", world: World) -> None:
    track, job = running(world)
    page.goto(f"/tracks/{track}")
    page.wait_for_selector("#live-state[data-state=live]")
    assert page.locator("sfa-growing").count() == 0
    grow(world, track, job, 0)
    page.get_by_role("button", name="Play what is done").click()
    growing = "document.querySelector('sfa-growing')"
    until(page, f"{growing}.time() > 0.3")
    until(page, f"Object.keys({growing}.gains).length === 4")
    page.get_by_role("button", name="vocals").click()
    until(page, f"{growing}.gains.vocals.gain.value < 0.01")
    assert page.evaluate(f"{growing}.gains.drums.gain.value") == 1
    grow(world, track, job, 1)
    until(page, f"{growing}.spans.length === 2")
    # To the sample: the second piece starts where the first one ends, unless it came too late.
    first, second = page.evaluate(f"{growing}.spans")
    assert second["at"] >= first["at"] + SECONDS - 1e-9
    assert second["start"] == 2
    until(page, f"{growing}.time() > 2.2")
    # The news of the second piece did not put another element in the place of the one that plays.
    page.get_by_role("button", name="Stop").click()
    assert page.evaluate(f"{growing}.context") is None
    world.stems(track, job)
    world.finish(job)
    page.wait_for_selector("sfa-mixer")
    until(page, "!document.querySelector('sfa-growing')")
