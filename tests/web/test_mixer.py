"""The mixer in a real browser: sound really advances, by mouse and by keyboard."""

from typing import TYPE_CHECKING

import pytest

from tests.web.conftest import until
from tests.web.rows import World

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

MIXER = "document.querySelector('sfa-mixer')"
GAINS = f"{MIXER}.lanes.map((lane) => lane.gain.gain.value)"


@pytest.fixture
def mixer(page: "Page", world: World) -> "Page":
    """An open track page with four stems of six seconds."""
    track = world.done_track()
    page.goto(f"/tracks/{track}")
    page.wait_for_selector("#live-state[data-state=live]")
    return page


def near(page: "Page", expression: str, value: float) -> None:
    """Wait until the expression comes close to the value."""
    until(page, f"Math.abs(({expression}) - {value}) < 0.02")


def test_it_plays_and_time_advances(mixer: "Page") -> None:
    mixer.keyboard.press("Space")
    until(mixer, f"{MIXER}.engine?.playing && {MIXER}.time() > 0.4")
    assert mixer.evaluate(f"{MIXER}.context.state") == "running"
    assert mixer.evaluate(f"{MIXER}.engine.sources.length") == 4
    until(mixer, f"{MIXER}.lanes.some((lane) => parseFloat(lane.level.style.scale) > 0.2)")
    assert mixer.get_by_role("button", name="Pause", exact=True).is_visible()
    mixer.keyboard.press("Space")
    stopped = mixer.evaluate(f"{MIXER}.time()")
    assert 0.4 < stopped < 6
    near(mixer, f"{MIXER}.time()", stopped)


def test_what_is_heard_follows_solo_mute_and_volume(mixer: "Page") -> None:
    mixer.get_by_role("button", name="Play", exact=True).click()
    until(mixer, f"{MIXER}.engine?.playing")
    mixer.keyboard.press("1")
    near(mixer, f"{GAINS}[0]", 0)
    near(mixer, f"{GAINS}[1]", 1)
    assert mixer.get_by_role("button", name="Mute vocals").get_attribute("aria-pressed") == "true"
    mixer.keyboard.press("Shift+Digit3")
    for index, gain in enumerate((0, 0, 1, 0)):
        near(mixer, f"{GAINS}[{index}]", gain)
    mixer.get_by_role("slider", name="Volume of bass").fill("0.5")
    near(mixer, f"{GAINS}[2]", 0.25)
    mixer.get_by_role("button", name="All on").click()
    for index in range(4):
        near(mixer, f"{GAINS}[{index}]", 1)


def test_places_are_found_by_waveform_slider_and_keys(mixer: "Page") -> None:
    wave = mixer.locator(".wave").nth(1)
    box = wave.bounding_box()
    assert box is not None
    wave.click(position={"x": box["width"] / 2, "y": 20})
    near(mixer, f"{MIXER}.time()", 3)
    mixer.keyboard.press("ArrowLeft")
    near(mixer, f"{MIXER}.time()", 0)
    mixer.keyboard.press("End")
    near(mixer, f"{MIXER}.time()", 6)
    slider = mixer.get_by_role("slider", name="Position")
    slider.fill("4.5")
    near(mixer, f"{MIXER}.time()", 4.5)
    assert slider.get_attribute("aria-valuetext") == "0:04 of 0:06"
    mixer.keyboard.press("Home")


def test_lanes_are_drawn_in_their_colours(mixer: "Page") -> None:
    mixer.expected_complaints = ("willReadFrequently",)  # type: ignore[attr-defined]
    colours = """[...document.querySelectorAll('.wave canvas')].map((canvas) => {
        const {width, height} = canvas;
        return [...canvas.getContext('2d').getImageData(width >> 1, (height >> 1) - 3, 1, 1).data].slice(0, 3);
    })"""
    until(mixer, f"({colours}).every((c) => c.some(Boolean))")
    assert mixer.evaluate(colours) == [
        [230, 159, 0],
        [86, 180, 233],
        [0, 158, 115],
        [204, 121, 167],
    ]


def test_a_live_update_does_not_stop_the_music(mixer: "Page", world: World) -> None:
    mixer.keyboard.press("Space")
    until(mixer, f"{MIXER}.time() > 0.2")
    mixer.evaluate("window.mixerBefore = document.querySelector('sfa-mixer')")
    world.connection.execute("UPDATE tracks SET title = 'Renamed'")
    mixer.get_by_role("heading", name="Renamed").wait_for()
    assert mixer.evaluate(f"window.mixerBefore === {MIXER} && {MIXER}.engine.playing")


def test_a_long_track_is_streamed_and_says_so(mixer: "Page") -> None:
    mixer.evaluate(f"{MIXER}.memory = 1")
    mixer.keyboard.press("Space")
    until(mixer, f"{MIXER}.engine?.playing && {MIXER}.time() > 0.3")
    assert mixer.evaluate(
        f"{MIXER}.engine.constructor.name && {MIXER}.lanes.every((lane) => lane.audios.size === 1)"
    )
    assert "streamed" in mixer.locator("#say").inner_text()


def test_a_loop_snaps_to_beats_and_stays_within(mixer: "Page") -> None:
    mixer.get_by_role("slider", name="Position").fill("1.1")
    mixer.keyboard.press("[")
    mixer.get_by_role("slider", name="Position").fill("1.8")
    mixer.keyboard.press("]")
    assert mixer.evaluate(f"[{MIXER}.loop.start, {MIXER}.loop.end, {MIXER}.loop.on]") == [
        1,
        2,
        True,
    ]
    assert mixer.locator(".loop-length").inner_text() == "2 beats"
    assert mixer.locator(".wave .loop-band.on").count() == 4
    mixer.keyboard.press("Space")
    until(mixer, f"{MIXER}.engine?.playing")
    # By the audio clock: well past the loop's end, and still inside.
    until(mixer, f"{MIXER}.context.currentTime - {MIXER}.engine.startedAt > 3.2")
    assert 1 <= mixer.evaluate(f"{MIXER}.time()") < 2
    assert mixer.evaluate(
        f"{MIXER}.engine.sources.every((s) => s.loop && s.loopStart === 1 && s.loopEnd === 2)"
    )
    mixer.keyboard.press("l")
    until(mixer, f"{MIXER}.time() > 2.2")


def test_a_loop_is_drawn_doubled_and_taken_from_a_section(mixer: "Page") -> None:
    scale = mixer.locator(".scale")
    box = scale.bounding_box()
    assert box is not None
    mixer.mouse.move(box["x"] + box["width"] * 0.26, box["y"] + 8)
    mixer.mouse.down()
    mixer.mouse.move(box["x"] + box["width"] * 0.48, box["y"] + 8, steps=4)
    mixer.mouse.up()
    ends = f"[{MIXER}.loop.start, {MIXER}.loop.end]"
    assert mixer.evaluate(ends) == [1.5, 3]
    mixer.get_by_role("button", name="Twice as long a loop").click()
    assert mixer.evaluate(ends) == [1.5, 4.5]
    mixer.get_by_role("button", name="Section B, 0:02 to 0:04, energy 90 %").dblclick()
    assert mixer.evaluate(ends) == [2, 4]
    near(mixer, f"{MIXER}.time()", 2)


def test_pan_is_heard(mixer: "Page") -> None:
    mixer.get_by_role("slider", name="Pan of drums").fill("-0.5")
    mixer.keyboard.press("Escape")
    mixer.get_by_role("button", name="Play", exact=True).click()
    until(mixer, f"{MIXER}.engine?.playing")
    near(mixer, f"{MIXER}.lanes[1].panner.pan.value", -0.5)
    slider = mixer.get_by_role("slider", name="Pan of drums")
    assert slider.get_attribute("aria-valuetext") == "50 L"
    slider.dblclick()
    near(mixer, f"{MIXER}.lanes[1].panner.pan.value", 0)


def test_two_separations_are_heard_in_turn_in_step(page: "Page", world: World) -> None:
    track = world.done_track(seconds=60)
    other = world.job(track, "htdemucs_6s")
    world.claim()
    kinds = {"vocals": 500.0, "drums": 95.0, "bass": 60.0, "guitar": 300.0, "piano": 350.0}
    world.stems(track, other, 60, kinds=kinds)
    world.finish(other)
    first = world.one("SELECT id FROM processing_jobs WHERE model = 'spectral'")["id"]
    page.goto(f"/tracks/{track}?job={first}")
    page.wait_for_selector("#live-state[data-state=live]")
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, f"{MIXER}.engine?.playing && {MIXER}.time() > 0.3")
    before = page.evaluate(
        f"{MIXER}.engine.sources[0].buffer === [...{MIXER}.lanes[0].buffers.values()][0]"
    )
    assert before
    page.get_by_label("Compare with").select_option(index=1)
    page.get_by_role("button", name="B · htdemucs_6s").wait_for()
    # Guitar and piano, which A has not, are heard with the lane of what remains.
    assert page.evaluate(f"{MIXER}.engine.sources.length") == 5
    assert page.evaluate(f"{MIXER}.lanes[3].urls.b.length") == 2
    place = page.evaluate(f"{MIXER}.time()")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("b")
    page.get_by_role("button", name="A · spectral").wait_for()
    assert page.evaluate(f"{MIXER}.engine.playing && {MIXER}.engine.sources.length") == 4
    assert page.evaluate(f"{MIXER}.time()") >= place


def test_the_keys_can_be_switched_off(mixer: "Page") -> None:
    mixer.get_by_text("Keys", exact=True).click()
    mixer.get_by_label("Keys work on this page").uncheck()
    mixer.keyboard.press("1")
    assert mixer.get_by_role("button", name="Mute vocals").get_attribute("aria-pressed") == "false"
    mixer.reload()
    mixer.wait_for_selector("#live-state[data-state=live]")
    mixer.keyboard.press("1")
    assert mixer.get_by_role("button", name="Mute vocals").get_attribute("aria-pressed") == "false"


def test_an_export_takes_the_gains_that_are_heard(mixer: "Page") -> None:
    mixer.get_by_role("slider", name="Volume of bass").fill("0.5")
    mixer.keyboard.press("Escape")
    mixer.get_by_role("button", name="Mute vocals").click()
    mixer.locator("#exports summary").click()
    mixer.get_by_role("button", name="Gains as they are heard now").click()
    gains = [
        mixer.locator(f"[name='gain:{stem}']").input_value() for stem in ("vocals", "drums", "bass")
    ]
    assert gains == ["", "0", "-12.04"]
