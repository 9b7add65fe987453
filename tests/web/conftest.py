"""The dashboard for tests: its application in process, and a real server with a real browser."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn
from starlette.testclient import TestClient

from sfa.accounts import local_owner, new_sign_in
from sfa.config import Config
from sfa.db import Database
from sfa.web.app import create_app
from sfa.web.live import Hub
from sfa.web.server import Server
from tests.web.checked import Checked, token
from tests.web.rows import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
ADDRESS = "http://127.0.0.1:4000"
OUT = Path(__file__).parent.parent / "out"


@pytest.fixture
def web_config(dsn: str, tmp_path: Path) -> Config:
    """A small upload limit, and a folder of models without weights."""
    return Config(
        var=tmp_path / "var", database_url=dsn, upload_limit_mb=2, lalalai_url="http://127.0.0.1:9"
    )


@pytest.fixture
def world(dsn: str, web_config: Config) -> Iterator[World]:
    """Rows and sounds to show."""
    made = World(dsn, Path(web_config.store_address))
    yield made
    made.connection.close()


def sign_in_token(dsn: str, user_id: int | None = None) -> str:
    """A token as the command line makes it."""

    async def make() -> str:
        database = Database(dsn, size=1)
        await database.open()
        try:
            async with database.session() as session:
                return await new_sign_in(session, user_id or await local_owner(session))
        finally:
            await database.close()

    # In a thread: Playwright's own loop runs in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, make()).result()


@pytest.fixture
def stranger(web_config: Config) -> Iterator[TestClient]:
    """Somebody without a session."""
    headers = {"sec-fetch-site": "same-origin"}
    with TestClient(
        create_app(web_config), base_url=ADDRESS, headers=headers, follow_redirects=False
    ) as client:
        yield client


@pytest.fixture
def owner(stranger: TestClient, dsn: str) -> TestClient:
    """The local owner, signed in."""
    assert stranger.get(f"/sign-in/{sign_in_token(dsn)}").status_code == 303
    return stranger


class Served:
    """The dashboard on a real port, in a thread with a loop of its own."""

    def __init__(self, config: Config) -> None:
        self.hub = Hub(beat=1.0)
        self.server = Server(
            uvicorn.Config(
                create_app(config, hub=self.hub), port=0, log_config=None, access_log=False
            ),
            self.hub,
        )
        self.thread = threading.Thread(target=self.server.run)
        self.started = threading.Event()
        self.address = ""

    def start(self) -> None:
        """Return once it listens."""
        startup = self.server.startup

        async def tell(sockets: object = None) -> None:
            await startup()
            port = self.server.servers[0].sockets[0].getsockname()[1]
            self.address = f"http://127.0.0.1:{port}"
            self.started.set()

        self.server.startup = tell  # type: ignore[method-assign]
        self.thread.start()
        assert self.started.wait(20), "the server did not come up"

    def stop(self) -> None:
        """Return once its thread has ended; open streams must not hold it up."""
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive(), "open streams kept the server from stopping"


@pytest.fixture
def served(web_config: Config) -> Iterator[Served]:
    """A running server."""
    made = Served(web_config)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Debian's Chromium; a module's own, because its loop would be in the way of asynchronous tests."""
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("there is no /usr/bin/chromium, and in CI the browser tests must run")
        pytest.skip("THE DASHBOARD IS NOT TESTED IN A BROWSER: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--autoplay-policy=no-user-gesture-required",
    ]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: "Browser", served: Served, dsn: str) -> "Iterator[Page]":
    """A signed-in tab. Any console error, CSP message or uncaught exception fails the test."""
    context = browser.new_context(base_url=served.address, viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    complaints: list[str] = []
    tab.on(
        "console",
        lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None,
    )
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(f"/sign-in/{sign_in_token(dsn)}")
    yield tab
    context.close()
    expected = getattr(tab, "expected_complaints", ())
    assert [text for text in complaints if not any(part in text for part in expected)] == []


def until(page: "Page", expression: str) -> None:
    """Return once the JavaScript expression holds; the page's policy forbids Playwright's own way of waiting."""
    page.evaluate(
        f"""() => new Promise((resolve, reject) => {{
            const end = performance.now() + 15000;
            const look = () => {{
                if ({expression}) resolve();
                else if (performance.now() > end) reject(new Error("in 15 s this never held: " + {json.dumps(expression)}));
                else setTimeout(look, 20);
            }};
            look();
        }})"""
    )


@pytest.fixture
def api(stranger: TestClient, world: World) -> Checked:
    """The owner's token."""
    stranger.headers.pop("sec-fetch-site")
    return Checked(stranger, token(world))


@pytest.fixture
def other(api: Checked, world: World) -> Checked:
    """Somebody else's."""
    user = world.one("INSERT INTO users (email) VALUES ('other@example.org') RETURNING id")["id"]
    return Checked(api.client, token(world, user, "{read,write}", "sfa_other"))
