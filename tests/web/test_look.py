"""Every page as a picture in tests/out, in light, dark and on a phone; none may scroll sideways; axe finds no fault with any."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.web.conftest import OUT
from tests.web.gallery import STILL, gallery
from tests.web.rows import World

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
SIZES = {"wide": (1280, 900), "phone": (360, 780)}
AXE = Path(__file__).parents[2] / "sfa/web/assets/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def opened(page: "Page", name: str, path: str) -> None:
    """Open a page and wait until all of it is there."""
    page.goto(path)
    if name not in STILL:
        page.wait_for_selector("#live-state[data-state=live]")
    if name == "track":
        page.wait_for_selector("sfa-chart svg")
        page.wait_for_selector(".cue-row .cue")
        page.keyboard.press("ArrowRight")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pages_look_right(
    page: "Page", world: World, scheme: Literal["light", "dark"], size: str
) -> None:
    pages = gallery(world)
    OUT.mkdir(exist_ok=True)
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    source = AXE.read_text()
    faults = []
    for name, path in pages.items():
        opened(page, name, path)
        page.screenshot(path=OUT / f"{name}-{size}-{scheme}.png", full_page=True)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"{name} scrolls sideways")
        # Folded parts are read too.
        page.evaluate(
            "document.querySelectorAll('details:not(.menu)').forEach((each) => (each.open = true))"
        )
        page.evaluate(source)
        found = page.evaluate("(tags) => axe.run({runOnly: {type: 'tag', values: tags}})", RULES)
        faults += [f"{name}: {fault(each)}" for each in found["violations"]]
    assert faults == [], "\n".join(faults)


def fault(violation: dict[str, Any]) -> str:
    """A violation of axe's in a line."""
    nodes = "; ".join(f"{node['html'][:160]} ({node['failureSummary'][:300]})" for node in violation["nodes"][:3])  # fmt: skip
    return f"{violation['id']}: {violation['help']} – {nodes}"
