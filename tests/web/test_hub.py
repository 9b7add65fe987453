"""The live hub by itself: it coalesces, renders once for all, and knows its limits."""

import asyncio
import logging
import socket
from dataclasses import dataclass

import pytest

from sfa.config import Config
from sfa.web.live import Hub, Pieces
from sfa.web.server import PortTaken, listen
from sfa.web.sse import partials


@dataclass(frozen=True)
class OnePage:
    """A page that one topic concerns."""

    topic: str = "track:1"

    def concerns(self, topic: str) -> bool:
        return topic == self.topic


async def test_many_notifications_are_one_wake() -> None:
    hub = Hub(pace=0.0)
    with hub.viewer(OnePage(), "session") as viewer:
        wakes = hub.wakes(viewer)
        assert await anext(wakes) is True, "the full state comes first"
        for _ in range(20_000):
            hub.notify("sfa_changed", "track:1")
        assert await anext(wakes) is True
        hub.beat = 0.01
        assert await anext(wakes) is False, "nothing is left but the keep-alive"


async def test_other_topics_do_not_wake_but_a_reconnect_does() -> None:
    hub = Hub(pace=0.0, beat=0.01)
    with hub.viewer(OnePage(), "session") as viewer:
        wakes = hub.wakes(viewer)
        await anext(wakes)
        hub.notify("sfa_changed", "track:2")
        assert await anext(wakes) is False
        hub.notify("sfa_changed", "*")
        assert await anext(wakes) is True


async def test_all_who_see_the_same_share_one_render() -> None:
    hub = Hub()
    rendered = 0

    async def render() -> Pieces:
        nonlocal rendered
        rendered += 1
        await asyncio.sleep(0)
        return {"title": str(rendered)}

    with hub.viewer(OnePage(), "a"), hub.viewer(OnePage(), "b"):
        hub.notify("sfa_changed", "track:1")
        both = await asyncio.gather(*(hub.pieces(OnePage(), render) for _ in range(50)))
        assert (rendered, both[0]) == (1, {"title": "1"})
        hub.notify("sfa_changed", "track:1")
        assert await hub.pieces(OnePage(), render) == {"title": "2"}


async def test_each_language_has_a_render_of_its_own() -> None:
    hub = Hub()

    async def english() -> Pieces:
        return {"title": "Tracks"}

    async def german() -> Pieces:
        return {"title": "Titel"}

    with hub.viewer(OnePage(), "a", "en"), hub.viewer(OnePage(), "b", "de"):
        hub.notify("sfa_changed", "track:1")
        assert await hub.pieces(OnePage(), english, "en") == {"title": "Tracks"}
        assert await hub.pieces(OnePage(), german, "de") == {"title": "Titel"}


async def test_a_session_has_a_limit_of_pages_and_gets_them_back() -> None:
    hub = Hub(streams=2)
    with hub.viewer(OnePage(), "a"), hub.viewer(OnePage(), "a"):
        assert hub.full("a")
        assert not hub.full("b")
    assert not hub.full("a")


async def test_closing_ends_every_stream() -> None:
    hub = Hub(pace=0.0)
    with hub.viewer(OnePage(), "a") as viewer:
        wakes = hub.wakes(viewer)
        await anext(wakes)
        hub.close()
        with pytest.raises(StopAsyncIteration):
            await anext(wakes)


def test_a_piece_of_several_lines_is_one_event() -> None:
    text = partials({"a": "one\ntwo\r\nthree"})
    assert text.endswith("\n\n")
    assert all(line.startswith("data: ") for line in text.strip().split("\n"))


def test_a_taken_port_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} is taken.*SFA_PORT"):
            listen(Config(port=port))
