"""Every page as a picture in tests/out, in light, dark and on a phone; none may scroll sideways."""

import json
from typing import TYPE_CHECKING, Literal

import pytest

from tests.web.conftest import OUT
from tests.web.rows import World

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
STILL = ("settings",)
"""Pages that nothing changes while they are open."""
SIZES = {"wide": (1280, 900), "phone": (360, 780)}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pages_look_right(
    page: "Page", world: World, scheme: Literal["light", "dark"], size: str
) -> None:
    world.worker()
    for title, artist in (
        ("Harbour Lights", "Ana Torrent"),
        ("A Rather Long Title That Has to Go Somewhere", None),
    ):
        world.done_track(title, artist, seconds=6)
    broken = world.track("Field Recording", None)
    job = world.job(broken, "htdemucs")
    world.claim()
    world.finish(
        job,
        "failed",
        "The weights of htdemucs are not here and could not be fetched. Put them into var/models, or choose spectral.",
        "resource",
    )
    busy = world.track("Night Drive", "The Testers")
    running = world.job(busy)
    world.claim()
    world.progress(running, 42, "separating, 3 of 7")
    track = world.done_track("Morning Session", "The Testers")
    world.job(world.track("Waiting Song", "Somebody"), "htdemucs_ft")

    tree(world)
    OUT.mkdir(exist_ok=True)
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    for name, path in (
        ("home", "/"),
        ("tracks", "/tracks"),
        ("track", f"/tracks/{track}"),
        ("running", f"/tracks/{busy}"),
        ("jobs", "/jobs"),
        ("jobs-failed", "/jobs?status=failed"),
        ("job", f"/jobs/{job}"),
        ("queues", "/queues"),
        ("ports", "/ports"),
        ("models", "/models"),
        ("settings", "/settings"),
        ("schedule", "/schedule"),
    ):
        page.goto(path)
        if name not in STILL:
            page.wait_for_selector("#live-state[data-state=live]")
        if name == "track":
            page.wait_for_selector("sfa-chart svg")
            page.keyboard.press("ArrowRight")
        page.screenshot(path=OUT / f"{name}-{size}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (
            f"{name} scrolls sideways"
        )


def tree(world: World) -> None:
    """Processes as a host reports them: two programs, one of them given up, a worker with a pool and a busy child."""
    for name, state, pid in (("web", "RUNNING", 300), ("w", "RUNNING", 1), ("worker-download", "FATAL", None)):  # fmt: skip
        world.connection.execute(
            """INSERT INTO programs (host, name, state, pid, rss, restarts, max_restarts, window_seconds)
               VALUES ('h', %s, %s, %s, 61000000, 1, 5, 60)""",
            [name, state, pid],
        )
    job, _token = next(iter(world.tokens.values()))
    pool = {"name": "demucs_runner/cpu", "strategy": "one_for_one", "size": 1, "restarts": 0, "max_restarts": 3, "window_seconds": 60}  # fmt: skip
    child = {"pid": 4711, "port": "demucs_runner", "device": "cpu", "state": "busy", "rss": 812000000, "calls": 3, "queue_job_id": job, "age": 50}  # fmt: skip
    world.connection.execute(
        "SELECT sfa_report_v1(%s, %s, %s, true)",
        [world.worker(), json.dumps([pool]), json.dumps([child])],
    )
    world.connection.execute(
        """INSERT INTO incidents (host, program, event, detail) VALUES ('h', 'worker-download', 'fatal', '{"exit_code": 1}')"""
    )
