"""Cue points: set, moved, named and deleted, over HTTP and on the waveform by mouse and by keyboard."""

from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import until
from tests.web.rows import World

if TYPE_CHECKING:
    from playwright.sync_api import Page

MIXER = "document.querySelector('sfa-mixer')"
JSON = {"accept": "application/json"}


def cues(world: World) -> list[tuple[Any, ...]]:
    """Every cue point: place, kind, name."""
    rows = world.connection.execute(
        "SELECT position_ms, cue_type, label FROM cue_points ORDER BY position_ms, cue_type"
    )
    return [tuple(row.values()) for row in rows.fetchall()]


def one_id(world: World) -> str:
    return str(world.one("SELECT id FROM cue_points WHERE cue_type <> 'loop_out'")["id"])


def test_cues_are_set_on_beats_and_changed(owner: TestClient, world: World) -> None:
    track = world.done_track()
    assert owner.post(f"/tracks/{track}/cues", data={"at": "1.4", "label": "Verse"}).status_code == 303  # fmt: skip
    assert cues(world) == [(1500, "memory", "Verse")]
    cue = one_id(world)
    owner.post(f"/cues/{cue}", data={"label": "Chorus", "type": "hot"})
    owner.post(f"/cues/{cue}", data={"at": "2.13", "free": "1"})
    assert cues(world) == [(2130, "hot", "Chorus")]
    assert "Chorus" in owner.get(f"/tracks/{track}").text
    owner.post(f"/cues/{cue}", data={"verb": "delete"})
    assert cues(world) == []


def test_a_loop_moves_whole_in_both_directions(owner: TestClient, world: World) -> None:
    track = world.done_track()
    owner.post(f"/tracks/{track}/cues", data={"at": "1", "end": "2", "type": "loop_in"})
    assert cues(world) == [(1000, "loop_in", ""), (2000, "loop_out", "")]
    for at in ("3.5", "0.5"):
        owner.post(f"/cues/{one_id(world)}", data={"at": at})
        assert [row[0] for row in cues(world)] == [float(at) * 1000, float(at) * 1000 + 1000]


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        ({"at": "99", "free": "1"}, 422, "after the track's end"),
        ({"at": "nan"}, 422, "between the beginning"),
        ({"at": "soon"}, 400, "no place"),
        ({"at": "1", "type": "warm"}, 400, "no kind"),
        ({"at": "2", "end": "1", "type": "loop_in"}, 422, "ends after"),
        ({"at": "1", "label": "x" * 101}, 422, "100 characters"),
        ({}, 400, "where"),
    ],
)
def test_what_is_no_cue_is_refused(
    owner: TestClient, world: World, form: dict[str, str], status: int, says: str
) -> None:
    track = world.done_track()
    answer = owner.post(f"/tracks/{track}/cues", data=form, headers=JSON)
    assert (answer.status_code, says in answer.json()["error"]) == (status, True), answer.text


def test_nobody_touches_other_peoples_cues(owner: TestClient, world: World) -> None:
    other = world.one("INSERT INTO users (email) VALUES ('other@example.org') RETURNING id")["id"]
    track = world.track("Theirs", user_id=other)
    world.one("SELECT sfa_cue_add(%s, 100)", track)
    cue = one_id(world)
    assert owner.post(f"/tracks/{track}/cues", data={"at": "1"}).status_code == 404
    for form in ({"label": "mine"}, {"at": "2"}, {"verb": "delete"}):
        assert owner.post(f"/cues/{cue}", data=form).status_code == 404
    assert cues(world) == [(100, "memory", "")]


@pytest.fixture
def editor(page: "Page", world: World) -> "Page":
    """An open track page of six seconds at 120 BPM."""
    page.goto(f"/tracks/{world.done_track()}")
    page.wait_for_selector("#live-state[data-state=live]")
    until(page, f"{MIXER}.grid.beats.length === 12")
    return page


@pytest.mark.browser
def test_a_cue_is_set_moved_named_and_deleted_by_keyboard(editor: "Page", world: World) -> None:
    editor.evaluate(f"{MIXER}.seek(1.1)")
    editor.keyboard.press("c")
    flag = editor.locator(".cue-row .cue")
    flag.wait_for()
    assert cues(world) == [(1000, "memory", "")]
    flag.focus()
    editor.keyboard.press("ArrowRight")
    editor.locator(".cue-row .cue[aria-label*='0:01']").wait_for()
    until(editor, "document.querySelector('[data-cue][data-at]').dataset.at === '1.5'")
    assert editor.evaluate("document.activeElement.className") == "cue cue-memory", "focus stays"
    editor.keyboard.press("Alt+ArrowLeft")
    until(editor, "document.querySelector('[data-cue][data-at]').dataset.at === '1.49'")
    editor.keyboard.press("F2")
    editor.keyboard.type("Drop")
    editor.keyboard.press("Enter")
    editor.locator(".cue-row .cue", has_text="Drop").wait_for()
    assert cues(world) == [(1490, "memory", "Drop")]
    editor.locator(".cue-row .cue").focus()
    editor.keyboard.press("Delete")
    until(editor, "!document.querySelector('.cue-row .cue')")
    editor.get_by_role("button", name="Undo").click()
    editor.locator(".cue-row .cue", has_text="Drop").wait_for()
    assert cues(world) == [(1490, "memory", "Drop")]
    assert editor.locator(".wave .cue-line").count() == 4


@pytest.mark.browser
def test_a_cue_is_drawn_and_dragged_with_the_mouse(editor: "Page", world: World) -> None:
    row = editor.locator(".cue-row")
    box = row.bounding_box()
    assert box is not None
    row.dblclick(position={"x": box["width"] * 0.42, "y": 10})
    flag = editor.locator(".cue-row .cue")
    flag.wait_for()
    assert cues(world) == [(2500, "memory", "")]
    middle = box["y"] + 10
    editor.mouse.move(box["x"] + box["width"] * 2.5 / 6 + 6, middle)
    editor.mouse.down()
    editor.mouse.move(box["x"] + box["width"] * 0.74, middle, steps=5)
    editor.mouse.up()
    until(editor, "document.querySelector('[data-cue][data-at]').dataset.at === '4.5'")
    assert cues(world) == [(4500, "memory", "")]
    editor.locator(".cue-row .cue").click()
    until(editor, f"{MIXER}.time() === 4.5")


@pytest.mark.browser
def test_a_loop_is_kept_and_comes_back(editor: "Page", world: World) -> None:
    editor.evaluate(f"{MIXER}.looped((loop) => loop.exactly(1, 3))")
    editor.get_by_role("button", name="Keep the loop").click()
    editor.locator(".cue-row .cue-loop_in").wait_for()
    assert cues(world) == [(1000, "loop_in", ""), (3000, "loop_out", "")]
    editor.reload()
    until(editor, f"{MIXER}?.grid.beats.length === 12")
    editor.locator(".cue-row .cue-loop_in").click()
    assert editor.evaluate(f"[{MIXER}.loop.start, {MIXER}.loop.end, {MIXER}.loop.on]") == [1, 3, True]  # fmt: skip


@pytest.mark.browser
def test_a_corrected_grid_reaches_the_open_mixer(editor: "Page", world: World) -> None:
    editor.get_by_role("button", name="Twice the tempo").click()
    until(editor, f"{MIXER}.grid.beats.length > 20")
    editor.evaluate(f"{MIXER}.seek(1.3)")
    editor.keyboard.press("[")
    assert editor.evaluate(f"{MIXER}.loop.start") == 1.25
