"""The users' pages in a real browser: what others do shows on them at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from sfa.config import Config
from tests.web.conftest import sign_in_token, until
from tests.web.rows import World
from tests.web.test_accounts import client

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
LIVE = "#live-state[data-state=live]"


@pytest.fixture
def singer(world: World) -> int:
    """Somebody who has an account."""
    return int(world.one("INSERT INTO users (email) VALUES ('singer@example.org') RETURNING id")["id"])  # fmt: skip


@pytest.fixture
def his(web_config: Config, singer: int) -> Iterator[TestClient]:
    """His browser, signed in."""
    with client(web_config) as made:
        made.get(f"/sign-in/{sign_in_token(web_config.database_url, singer)}")
        yield made


def test_an_open_list_moves_with_its_users(
    page: Page, singer: int, his: TestClient, world: World
) -> None:
    page.goto("/users")
    page.wait_for_selector(LIVE)
    page.evaluate("window.mark = 'not reloaded'")
    row = page.locator(f"#user-{singer}")
    assert "1 session" in row.inner_text()
    track = world.track(user_id=singer, seconds=30)
    size = world.one("SELECT audio_bytes FROM tracks")["audio_bytes"]
    row.locator(".cell-bytes").get_by_text(f"{size / 1e6:.1f} MB").wait_for()
    world.stems(track, world.job(track))
    world.connection.execute("UPDATE stems SET bytes = 10000000")
    row.locator(".cell-bytes").get_by_text(f"{(4e7 + size) / 1e6:.1f} MB").wait_for()
    his.post("/sign-out")
    until(page, f"!document.getElementById('user-{singer}').innerText.includes('session')")
    world.connection.execute("UPDATE users SET status = 'suspended' WHERE id = %s", [singer])
    row.get_by_text("suspended").wait_for()
    world.connection.execute("INSERT INTO users (email) VALUES ('new@example.org')")
    page.get_by_text("new@example.org").wait_for()
    assert page.evaluate("window.mark") == "not reloaded"


def test_a_user_s_open_page_moves_with_him(
    page: Page, singer: int, his: TestClient, web_config: Config, world: World
) -> None:
    page.goto(f"/users/{singer}")
    page.wait_for_selector(LIVE)
    page.evaluate("window.mark = 'not reloaded'")
    assert his.get("/").status_code == 200
    with client(web_config) as again:
        again.get(f"/sign-in/{sign_in_token(web_config.database_url, singer)}")
    until(page, "document.querySelectorAll('#user_doors section:first-child li').length === 2")
    world.track(user_id=singer, seconds=30)
    until(page, "document.querySelector('#user_facts').innerText.includes('1.3 MB')")
    assert page.get_by_role("button", name="Lift the suspension").count() == 0
    world.connection.execute("UPDATE users SET status = 'suspended' WHERE id = %s", [singer])
    page.get_by_role("button", name="Lift the suspension").wait_for()
    page.locator("#user_head").get_by_text("suspended").wait_for()
    assert page.evaluate("window.mark") == "not reloaded"


def test_who_is_no_administrator_any_more_loses_the_open_page(page: Page, world: World) -> None:
    world.connection.execute("INSERT INTO users (email, role) VALUES ('b@example.org', 'admin')")
    page.goto("/users")
    page.wait_for_selector(LIVE)
    world.connection.execute("UPDATE users SET role = 'user' WHERE id = 1")
    page.wait_for_url("**/tracks")
