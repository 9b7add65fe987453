"""The mixer's zoom in a real browser: by buttons, keys, wheel, fingers and the strip; what is set there lies where it is seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.web.conftest import until
from tests.web.rows import World

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Request

pytestmark = pytest.mark.browser

MIXER = "document.querySelector('sfa-mixer')"
SECONDS = 120
FINEST = 10.0
"""Seconds of a tile of a thousand columns at a hundred a second."""


def waveforms(world: World) -> None:
    """A ramp for every stem: the column n has the height n of a hundred, again and again."""
    for row in world.connection.execute("SELECT audio_key FROM stems").fetchall():
        heights = bytes(n % 100 for n in range(100 * SECONDS))
        world.connection.execute(
            "INSERT INTO waveforms (audio_key, per_second, lows, highs) VALUES (%s, 100, %s, %s)",
            [row["audio_key"], bytes(128 - h for h in heights), bytes(128 + h for h in heights)],
        )


@pytest.fixture
def asked(page: Page) -> list[dict[str, str]]:
    """What the page has asked of waveforms so far, in order."""
    found: list[dict[str, str]] = []

    def note(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.path.endswith("/waveform"):
            found.append({name: value[0] for name, value in parse_qs(parts.query).items()})

    page.on("request", note)
    return found


@pytest.fixture
def mixer(page: Page, world: World, asked: list[dict[str, str]]) -> Page:
    """An open track of two minutes at 120 BPM, whose four stems may be zoomed into."""
    track = world.done_track(seconds=SECONDS)
    waveforms(world)
    page.goto(f"/tracks/{track}")
    page.wait_for_selector("#live-state[data-state=live]")
    until(page, f"{MIXER}.grid.beats.length === 240")
    return page


def view(page: Page) -> tuple[float, float]:
    """From where to where the lanes show."""
    start, end = page.evaluate(f"[{MIXER}.view.from, {MIXER}.view.to]")
    return float(start), float(end)


def shown(page: Page, start: float, span: float) -> None:
    """Show a stretch, as a hand would have."""
    page.evaluate(f"{MIXER}.view.show({start}, {span})")


def box(found: Locator) -> tuple[float, float, float, float]:
    """Where it is: left, top, width, height."""
    place = found.bounding_box()
    assert place is not None
    return place["x"], place["y"], place["width"], place["height"]


def middle(found: Locator) -> float:
    """The middle of it, from the left."""
    left, _top, width, _height = box(found)
    return left + width / 2


def test_buttons_and_keys_zoom_around_the_play_head(mixer: Page) -> None:
    assert view(mixer) == (0, SECONDS)
    larger = mixer.get_by_role("button", name="Zoom in")
    smaller = mixer.get_by_role("button", name="Zoom out")
    assert smaller.get_attribute("aria-disabled") == "true"
    mixer.evaluate(f"{MIXER}.seek(30)")
    larger.click()
    assert view(mixer) == (15, 75)
    assert mixer.locator(".zoom-now").inner_text() == "2×"
    assert smaller.get_attribute("aria-disabled") == "false"
    mixer.keyboard.press("+")
    assert view(mixer) == (22.5, 52.5)
    mixer.keyboard.press("-")
    mixer.keyboard.press("-")
    assert view(mixer) == (0, SECONDS)
    for _ in range(9):
        mixer.keyboard.press("+")
    start, end = view(mixer)
    assert (round(end - start, 6), start < 30 < end) == (1, True), "never less than a second"
    assert larger.get_attribute("aria-disabled") == "true"
    mixer.keyboard.press("0")
    assert view(mixer) == (0, SECONDS)
    assert mixer.locator(".zoom-now").inner_text() == "1×"
    mixer.get_by_role("button", name="Zoom in").click()
    mixer.get_by_role("button", name="The whole track").click()
    assert view(mixer) == (0, SECONDS)


def test_what_has_a_place_in_time_moves_with_the_view(mixer: Page) -> None:
    mixer.evaluate(f"{MIXER}.looped((loop) => loop.exactly(60, 70))")
    mixer.evaluate(f"{MIXER}.seek(65)")
    shown(mixer, 50, 40)
    left, _top, width, _height = box(mixer.locator(".scale"))
    band = box(mixer.locator(".scale .loop-band"))
    assert band[0] - left == pytest.approx(width / 4, abs=1)
    assert band[2] == pytest.approx(width / 4, abs=1)
    for head in mixer.locator(".scale .play-head, .wave .play-head").all():
        assert middle(head) - left == pytest.approx(width * 15 / 40, abs=2)
    section = mixer.get_by_role("button", name="Section B, 0:40 to 1:20")
    assert box(section)[0] + box(section)[2] - left == pytest.approx(width * 30 / 40, abs=1)
    # Its letter is read though it began before the view.
    assert mixer.evaluate(
        "(e) => parseFloat(getComputedStyle(e).paddingLeft)", section.element_handle()
    ) == pytest.approx(width * 10 / 40 + 6, abs=2)
    # In the strip the whole is seen, with a frame around what the lanes show.
    strip, frame = box(mixer.locator(".strip")), box(mixer.locator(".frame"))
    assert frame[0] - strip[0] == pytest.approx(strip[2] * 50 / SECONDS, abs=1)
    assert frame[2] == pytest.approx(strip[2] * 40 / SECONDS, abs=1)


def test_the_wheel_zooms_around_the_pointer_and_scrolls_sideways(mixer: Page) -> None:
    left, top, width, _height = box(mixer.locator(".wave").nth(1))
    mixer.mouse.move(left + width * 0.75, top + 10)
    mixer.mouse.wheel(0, 100)
    assert view(mixer) == (0, SECONDS), "a wheel alone scrolls the page"
    mixer.evaluate("scrollTo(0, 0)")
    left, top, width, _height = box(mixer.locator(".wave").nth(1))
    mixer.mouse.move(left + width * 0.75, top + 10)
    mixer.keyboard.down("Control")
    mixer.mouse.wheel(0, -50)
    until(mixer, f"{MIXER}.view.factor > 1.5")
    start, end = view(mixer)
    assert start + 0.75 * (end - start) == pytest.approx(90, abs=0.1)
    assert mixer.evaluate("visualViewport.scale") == 1, "the page itself stays as it is"
    mixer.keyboard.up("Control")
    mixer.mouse.wheel(-width / 10, 0)
    until(mixer, f"{MIXER}.view.from < {start} - 1")
    assert view(mixer)[0] == pytest.approx(start - (end - start) / 10, abs=0.1)


def test_two_fingers_zoom_and_one_scrolls(mixer: Page) -> None:
    touch = mixer.context.new_cdp_session(mixer)
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 5})
    left, top, width, _height = box(mixer.locator(".wave").nth(0))

    def fingers(kind: str, *shares: float) -> None:
        points = [{"x": left + share * width, "y": top + 20, "id": n} for n, share in enumerate(shares)]  # fmt: skip
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 0.4)
    fingers("touchStart", 0.4, 0.6)
    fingers("touchMove", 0.3, 0.7)
    fingers("touchMove", 0.1, 0.9)
    fingers("touchEnd")
    until(mixer, f"Math.abs({MIXER}.view.span - 30) < 0.01")
    assert view(mixer) == pytest.approx((45, 75), abs=0.05)
    assert mixer.evaluate(f"{MIXER}.time()") == 0, "two fingers go nowhere"
    fingers("touchStart", 0.5)
    for share in (0.52, 0.6, 0.7):
        fingers("touchMove", share)
    fingers("touchEnd")
    until(mixer, f"Math.abs({MIXER}.view.from - 39) < 0.05")
    assert mixer.evaluate(f"{MIXER}.time()") == 0
    fingers("touchStart", 0.5)
    fingers("touchEnd")
    until(mixer, f"Math.abs({MIXER}.time() - 54) < 0.05")
    # Beginning on the ruler, two fingers draw no loop.
    top = box(mixer.locator(".scale"))[1] - 10
    fingers("touchStart", 0.2)
    fingers("touchStart", 0.2, 0.8)
    fingers("touchMove", 0.35, 0.65)
    fingers("touchEnd")
    until(mixer, f"Math.abs({MIXER}.view.span - 60) < 0.1")
    assert mixer.evaluate(f"{MIXER}.loop.set") is False


def test_dragging_scrolls_and_clicking_goes_there_exactly(mixer: Page) -> None:
    shown(mixer, 60, 2)
    left, top, width, _height = box(mixer.locator(".wave").nth(2))
    mixer.mouse.click(left + round(width / 4), top + 20)
    exact = 60 + 2 * round(width / 4) / width
    assert mixer.evaluate(f"{MIXER}.time()") == pytest.approx(exact, abs=1e-3)
    mixer.mouse.move(left + width / 2, top + 20)
    mixer.mouse.down()
    mixer.mouse.move(left + width / 4, top + 20, steps=5)
    mixer.mouse.up()
    assert view(mixer)[0] == pytest.approx(60.5, abs=0.01)
    assert mixer.evaluate(f"{MIXER}.time()") == pytest.approx(exact, abs=1e-3), "a drag goes nowhere"  # fmt: skip
    # On the time, too.
    left, top, width, _height = box(mixer.locator(".scale"))
    mixer.mouse.click(left + round(width / 2), top + 8)
    assert mixer.evaluate(f"{MIXER}.time()") == pytest.approx(61.5, abs=0.002)


def test_a_cue_and_a_loop_are_set_where_they_are_seen(mixer: Page, world: World) -> None:
    shown(mixer, 40, 4)
    row = mixer.locator(".cue-row")
    left, top, width, _height = box(row)
    mixer.keyboard.down("Alt")
    mixer.mouse.dblclick(left + round(width * 0.3), top + 10)
    mixer.keyboard.up("Alt")
    flag = mixer.locator(".cue-row .cue")
    flag.wait_for()
    exact = round(1000 * (40 + 4 * round(width * 0.3) / width))
    assert abs(world.one("SELECT position_ms FROM cue_points")["position_ms"] - exact) <= 1
    assert box(flag)[0] == pytest.approx(left + width * 0.3, abs=2)
    # Dragged, it snaps to the beat that is seen there.
    held = middle(flag)
    mixer.mouse.move(held, top + 10)
    mixer.mouse.down()
    mixer.mouse.move(left + width * 0.61, top + 10, steps=5)
    mixer.mouse.up()
    until(mixer, "document.querySelector('[data-cue][data-at]').dataset.at === '42.5'")
    assert box(flag)[0] == pytest.approx(left + width * 2.5 / 4, abs=2)
    # A loop is drawn from beat to beat.
    left, top, width, _height = box(mixer.locator(".scale"))
    mixer.mouse.move(left + width * 0.26, top + 8)
    mixer.mouse.down()
    mixer.mouse.move(left + width * 0.74, top + 8, steps=4)
    mixer.mouse.up()
    ends = f"[{MIXER}.loop.start, {MIXER}.loop.end]"
    assert mixer.evaluate(ends) == [41, 43]
    assert mixer.locator(".loop-length").inner_text() == "1 bar"
    # With Alt it begins and ends where it is drawn, and is doubled as it is.
    mixer.keyboard.down("Alt")
    mixer.mouse.move(left + width * 0.1, top + 8)
    mixer.mouse.down()
    mixer.mouse.move(left + width * 0.31, top + 8, steps=4)
    mixer.mouse.up()
    mixer.keyboard.up("Alt")
    assert mixer.evaluate(ends) == pytest.approx([40.4, 41.24], abs=0.02)
    assert mixer.locator(".loop-length").inner_text() == "0.84 s"
    mixer.get_by_role("button", name="Twice as long a loop").click()
    assert mixer.evaluate(ends) == pytest.approx([40.4, 42.08], abs=0.04)


def test_a_reload_shows_what_was_seen(mixer: Page) -> None:
    shown(mixer, 40, 4)
    mixer.reload()
    until(mixer, f"{MIXER}?.grid.beats.length === 240")
    assert view(mixer) == (40, 44)
    mixer.get_by_role("button", name="The whole track").click()
    mixer.reload()
    until(mixer, f"{MIXER}?.grid.beats.length === 240")
    assert view(mixer) == (0, SECONDS)


def test_the_strip_moves_the_view_by_mouse_and_keys(mixer: Page) -> None:
    strip = box(mixer.locator(".strip"))
    mixer.mouse.click(strip[0] + strip[2] / 2, strip[1] + 8)
    assert mixer.evaluate(f"{MIXER}.time()") == pytest.approx(60, abs=0.2), "seen whole, it goes there"  # fmt: skip
    shown(mixer, 0, 20)
    mixer.mouse.click(strip[0] + strip[2] * 0.75, strip[1] + 8)
    assert view(mixer)[0] == pytest.approx(80, abs=0.2)
    mixer.mouse.move(strip[0] + strip[2] * 0.75, strip[1] + 8)
    mixer.mouse.down()
    mixer.mouse.move(strip[0] + strip[2] * 0.25, strip[1] + 8, steps=3)
    mixer.mouse.up()
    assert view(mixer)[0] == pytest.approx(20, abs=0.2)
    frame = mixer.get_by_role("slider", name="Stretch in view")
    frame.focus()
    mixer.keyboard.press("End")
    assert view(mixer) == (100, 120)
    assert frame.get_attribute("aria-valuetext") == "1:40 to 2:00 of 2:00"
    mixer.keyboard.press("PageUp")
    mixer.keyboard.press("ArrowLeft")
    assert view(mixer) == (78, 98)
    assert frame.get_attribute("aria-valuenow") == "78.00"
    assert frame.get_attribute("aria-valuemax") == "100.00"


def test_what_has_the_focus_comes_into_view(mixer: Page) -> None:
    shown(mixer, 0, 10)
    mixer.get_by_role("button", name="Section A, 1:20 to 2:00").focus()
    start, end = view(mixer)
    assert start < 80 < end
    assert mixer.evaluate("document.querySelector('.sections').scrollLeft") == 0


def test_the_play_head_is_followed_until_a_hand_scrolls(mixer: Page) -> None:
    mixer.emulate_media(reduced_motion="reduce")
    follow = mixer.get_by_role("button", name="Follow")
    shown(mixer, 20, 2)
    mixer.evaluate(f"{MIXER}.seek(21.5)")
    mixer.keyboard.press("Space")
    until(mixer, f"{MIXER}.engine?.playing && {MIXER}.view.from > 21.5")
    start, end = view(mixer)
    assert start < mixer.evaluate(f"{MIXER}.time()") < end
    # The frame is taken elsewhere: there it stays, and the button says so.
    mixer.get_by_role("slider", name="Stretch in view").press("Home")
    assert follow.get_attribute("aria-pressed") == "false"
    before = mixer.evaluate(f"{MIXER}.time()")
    until(mixer, f"{MIXER}.time() > {before} + 0.3")
    assert view(mixer) == (0, 2)
    mixer.evaluate("document.activeElement.blur()")
    mixer.keyboard.press("f")
    assert follow.get_attribute("aria-pressed") == "true"
    until(mixer, f"{MIXER}.view.holds({MIXER}.time())")
    # Played again it is followed again, too.
    mixer.get_by_role("slider", name="Stretch in view").press("Home")
    mixer.evaluate("document.activeElement.blur()")
    mixer.keyboard.press("Space")
    assert view(mixer) == (0, 2)
    mixer.keyboard.press("Space")
    until(mixer, f"{MIXER}.engine.playing && {MIXER}.view.holds({MIXER}.time())")
    assert follow.get_attribute("aria-pressed") == "true"
    mixer.keyboard.press("Space")


@pytest.mark.parametrize(("motion", "pictures"), [("reduce", 1), ("no-preference", 4)])
def test_a_page_glides_unless_motion_is_unwanted(mixer: Page, motion: str, pictures: int) -> None:
    mixer.emulate_media(reduced_motion="reduce" if motion == "reduce" else "no-preference")
    shown(mixer, 20, 2)
    mixer.evaluate(f"""() => {{
        window.seen = [];
        const {{view}} = {MIXER};
        const tell = view.changed;
        view.changed = () => {{ window.seen.push(view.from); tell(); }};
        {MIXER}.seek(22.5);
    }}""")
    until(mixer, f"!{MIXER}.follow.gliding && {MIXER}.view.holds(22.5)")
    seen = mixer.evaluate("window.seen")
    assert seen == sorted(seen)
    assert (len(seen) == 1) if pictures == 1 else (len(seen) >= 2)


def test_peaks_are_fetched_for_what_is_in_view_at_its_level(
    mixer: Page, asked: list[dict[str, str]]
) -> None:
    assert asked == [], "the overview says enough of the whole"
    shown(mixer, 33, 4)
    until(mixer, f"{MIXER}.tiles.kept.size === 4")
    assert [(one["from"], one["to"], one["columns"]) for one in asked] == [("30", "40", "1000")] * 4
    assert len({one["stem"] for one in asked}) == 4
    # A ramp of a second: it is seen as such in every lane, a hundred columns a second.
    tile = mixer.evaluate(f"[...{MIXER}.tiles.kept.values()][0].max.slice(0, 100)")
    assert list(tile.values() if isinstance(tile, dict) else tile) == list(range(100))
    # Coarser for more of it: half as many columns a second; what is kept is not asked for again.
    asked.clear()
    width = mixer.evaluate(f"{MIXER}.width")
    level = mixer.evaluate(f"{MIXER}.tiles.level(30, {width})")
    assert level == 1
    shown(mixer, 21, 30)
    until(mixer, f"{MIXER}.tiles.kept.size === 12")
    assert {(one["from"], one["to"]) for one in asked} == {("20", "40"), ("40", "60")}
    asked.clear()
    shown(mixer, 33, 4)
    until(mixer, f"!{MIXER}.drawing")
    shown(mixer, 112, 4)
    until(mixer, f"{MIXER}.tiles.kept.size === 16")
    assert {(one["from"], one["to"]) for one in asked} == {("110", "120")}


def test_peaks_that_have_gone_out_of_view_are_aborted(mixer: Page) -> None:
    held: list[object] = []
    mixer.route(re.compile(r"/waveform\?.*from=10&"), lambda route: held.append(route))
    shown(mixer, 12, 4)
    until(mixer, f"{MIXER}.tiles.coming.size === 4")
    with mixer.expect_event("requestfailed", lambda request: "from=10&" in request.url):
        shown(mixer, 52, 4)
    until(mixer, f"{MIXER}.tiles.kept.size === 4 && {MIXER}.tiles.coming.size === 0")
    assert all(" 0 5" in key for key in mixer.evaluate(f"[...{MIXER}.tiles.kept.keys()]"))


def test_both_separations_share_the_view(page: Page, world: World) -> None:
    track = world.done_track(seconds=SECONDS)
    other = world.job(track, "htdemucs")
    world.claim()
    world.stems(track, other, SECONDS)
    world.finish(other)
    waveforms(world)
    first = world.one("SELECT id FROM processing_jobs WHERE model = 'spectral'")["id"]
    page.goto(f"/tracks/{track}?job={first}")
    until(page, f"{MIXER}.grid.beats.length === 240")
    shown(page, 33, 4)
    until(page, f"{MIXER}.tiles.kept.size === 4")
    page.get_by_label("Compare with").select_option(index=1)
    page.get_by_role("button", name="B · htdemucs").wait_for()
    assert view(page) == (33, 37)
    until(page, f"{MIXER}.tiles.kept.size === 8")
    stems = {str(row["id"]) for row in world.connection.execute("SELECT id FROM stems").fetchall()}
    seen = page.evaluate(f"[...{MIXER}.tiles.kept.keys()].map((key) => /stem=([^&]+)/.exec(key)[1])")  # fmt: skip
    assert set(seen) == stems


def test_without_waveforms_the_overview_is_what_is_zoomed(
    page: Page, world: World, asked: list[dict[str, str]]
) -> None:
    track = world.done_track(seconds=SECONDS)
    page.goto(f"/tracks/{track}")
    until(page, f"{MIXER}.grid.beats.length === 240")
    shown(page, 33, 4)
    page.expected_complaints = ("willReadFrequently",)  # type: ignore[attr-defined]
    until(page, f"!{MIXER}.drawing")
    drawn = """(() => {
        const canvas = document.querySelector('.wave canvas');
        const {width, height} = canvas;
        return [...canvas.getContext('2d').getImageData(width >> 1, (height >> 1) - 2, 1, 1).data].slice(0, 3);
    })()"""
    until(page, f"({drawn}).some(Boolean)")
    assert page.evaluate(drawn) == [230, 159, 0]
    assert asked == []
