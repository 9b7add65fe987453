"""The beat grid is corrected from the track's page, by buttons, forms and taps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import until
from tests.web.rows import World

if TYPE_CHECKING:
    from playwright.sync_api import Page

JSON = {"accept": "application/json"}


def tempo(world: World) -> float:
    return float(world.one("SELECT tempo FROM sfa_analyses")["tempo"])


def test_a_form_corrects_the_grid_and_pages_show_it(owner: TestClient, world: World) -> None:
    track = world.done_track("Loop")
    assert owner.post(f"/tracks/{track}/grid", data={"factor": "2"}).status_code == 303
    assert tempo(world) == 240
    assert "240.0 <small>BPM" in owner.get(f"/tracks/{track}").text
    assert "corrected by hand" in owner.get(f"/tracks/{track}").text
    assert "240" in owner.get("/tracks").text
    drawn = owner.get(f"/tracks/{track}/analysis").json()["beats"]
    assert drawn[:4] == pytest.approx([0, 0.25, 0.5, 0.75])
    taps = {"taps": "1.01 1.51, 2.0 2.49"}
    assert owner.post(f"/tracks/{track}/grid", data=taps, headers={"hx-request": "true"}).status_code == 204  # fmt: skip
    assert tempo(world) == 120
    assert owner.post(f"/tracks/{track}/grid", data={"reset": "1"}).status_code == 303
    assert "corrected by hand" not in owner.get(f"/tracks/{track}").text


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({}, "Say what to correct"),
        ({"factor": "two"}, "must be a number"),
        ({"factor": "1000"}, "20 to 400"),
        ({"taps": "1 2 3"}, "four times or more"),
        ({"taps": "1 " * 600}, "At most 500"),
        ({"metre": "99"}, "2 to 12"),
        ({"shift_ms": "nan"}, "must be a number"),
        ({"shift_ms": "1e12"}, "outside of the track"),
    ],
)
def test_a_wrong_correction_is_a_sentence(
    owner: TestClient, world: World, form: dict[str, str], says: str
) -> None:
    track = world.done_track("Loop")
    answer = owner.post(f"/tracks/{track}/grid", data=form, headers=JSON)
    assert 400 <= answer.status_code < 500
    assert says in answer.json()["error"]
    assert tempo(world) == 120


def test_somebody_elses_grid_is_not_there(owner: TestClient, world: World) -> None:
    other = world.one("INSERT INTO users (email) VALUES ('b@example.org') RETURNING id")["id"]
    track = world.track("Theirs", user_id=other)
    world.analysis(track)
    assert owner.post(f"/tracks/{track}/grid", data={"factor": "2"}).status_code == 404
    assert tempo(world) == 120


def test_buttons_change_the_open_page(page: Page, world: World) -> None:
    track = world.done_track("Loop")
    page.goto(f"/tracks/{track}")
    page.get_by_role("button", name="Half the tempo").click()
    until(page, "document.querySelector('.figures').textContent.includes('60.0')")
    page.get_by_role("button", name="As analysed").click()
    until(page, "document.querySelector('.figures').textContent.includes('120.0')")


def test_taps_follow_the_music(page: Page, world: World) -> None:
    track = world.done_track("Loop")
    page.goto(f"/tracks/{track}")
    until(page, "customElements.get('sfa-mixer') && document.querySelector('[data-tap]')")
    # Where the music is at each tap is told here: a test must not depend on how fast it is.
    page.evaluate("""() => {
        const mixer = document.querySelector('sfa-mixer');
        let at = 0.1;
        mixer.engine = { playing: true, close() {}, pause() {}, time: () => at };
        mixer.time = () => (at += 0.4);
        const tap = document.querySelector('[data-tap]');
        for (let n = 0; n < 8; n++) tap.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }));
    }""")
    until(page, "document.querySelector('.figures').textContent.includes('150.0')")
