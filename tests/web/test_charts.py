"""The charts in a real browser: read by keyboard, taken away as SVG, PNG and CSV."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.web.conftest import until
from tests.web.rows import World

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture
def charts(page: "Page", world: World) -> "Page":
    """An open track page whose five charts are drawn."""
    page.goto(f"/tracks/{world.done_track()}")
    until(page, "document.querySelectorAll('sfa-chart svg').length === 5")
    return page


def test_the_beat_grid_is_read_by_keyboard_and_plays_from_there(charts: "Page") -> None:
    chart = charts.locator("sfa-chart[data-kind=beats]")
    chart.locator("svg").focus()
    charts.keyboard.press("ArrowRight")
    charts.keyboard.press("ArrowRight")
    assert chart.locator(".readout").inner_text() == "beat 3 at 1.00 s · 120.0 BPM"
    charts.keyboard.press("Enter")
    until(charts, "document.querySelector('sfa-mixer').time() === 1")


@pytest.mark.parametrize(
    ("kind", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("csv", b"Figure,Value")]
)
def test_a_chart_can_be_taken_away(
    charts: "Page", kind: str, begins: bytes, tmp_path: Path
) -> None:
    with charts.expect_download() as saved:
        charts.get_by_role("button", name=f"Profile as {kind.upper()}").click()
    path = tmp_path / "taken"
    saved.value.save_as(path)
    body = path.read_bytes()
    assert saved.value.suggested_filename == f"profile.{kind}"
    assert body.startswith(begins)
    assert kind == "png" or b"120.0 BPM" in body
