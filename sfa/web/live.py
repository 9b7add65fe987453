"""Wake the open pages when something changes: one listener, one flag a page, one render for all who see the same.

A page that is awake re-reads the database, renders its pieces and sends those that differ from what it sent before.
It waits at least ``pace`` seconds between two renders, so a thousand notifications make at most ten renders a
second, and a reader that is stuck holds nothing but its flag. After each (re)connect everything is sent; every
``beat`` seconds ages and times left are brought up to date, and a comment keeps the line open.

Options:
    pace: least seconds between two renders of a page (0.1).
    beat: seconds between keep-alives (15).
    streams: open pages a session may have (12).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

Pieces = dict[str, str]


class Watched(Protocol):
    """A page as the hub sees it: hashable, and able to tell which topics concern it."""

    def __hash__(self) -> int: ...

    def concerns(self, topic: str) -> bool:
        """Whether a change of this topic may change the page."""
        ...


@dataclass(eq=False, slots=True)
class Viewer:
    """One open page: what it shows, and whether that may have changed."""

    page: Watched
    user: int = 0
    dirty: asyncio.Event = field(default_factory=asyncio.Event)
    doubted: bool = False
    """Whether its user may have been shown out meanwhile."""


@dataclass(slots=True)
class _Shared:
    version: int = -1
    pieces: Pieces = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Hub:
    """The open pages of this process; see the module."""

    def __init__(self, *, pace: float = 0.1, beat: float = 15.0, streams: int = 12) -> None:
        self.pace = pace
        self.beat = beat
        self.streams = streams
        self.closing = asyncio.Event()
        self._viewers: set[Viewer] = set()
        self._per_session: Counter[Hashable] = Counter()
        self._shared: dict[tuple[Watched, str], _Shared] = {}
        self._version = 0

    def notify(self, channel: str, topic: str) -> None:
        """Mark the pages that a change concerns; called by the listener. What workers say of themselves has a channel of its own."""
        topic = "tree" if channel == "sfa_tree" and topic != "*" else topic
        self._version += 1
        for viewer in self._viewers:
            if topic in ("*", f"user:{viewer.user}"):
                viewer.doubted = True
                viewer.dirty.set()
            elif viewer.page.concerns(topic):
                viewer.dirty.set()

    def close(self) -> None:
        """End every stream; they say goodbye by themselves."""
        self.closing.set()
        for viewer in self._viewers:
            viewer.dirty.set()

    @property
    def open(self) -> int:
        """How many streams are open."""
        return len(self._viewers)

    def full(self, session: Hashable) -> bool:
        """Whether a session has as many pages open as it may."""
        return self._per_session[session] >= self.streams

    @contextmanager
    def viewer(
        self, page: Watched, session: Hashable, language: str = "", user: int = 0
    ) -> Iterator[Viewer]:
        """Count a page as open for as long as the context lasts."""
        viewer = Viewer(page, user)
        viewer.dirty.set()
        self._viewers.add(viewer)
        self._per_session[session] += 1
        shared = self._shared.setdefault((page, language), _Shared())
        shared.users += 1
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)
            self._per_session -= Counter({session: 1})
            shared.users -= 1
            if not shared.users:
                self._shared.pop((page, language), None)

    async def pieces(
        self, page: Watched, render: Callable[[], Awaitable[Pieces]], language: str = ""
    ) -> Pieces:
        """The page's pieces as of now; rendered once for all who look at the same in the same language."""
        shared = self._shared[page, language]
        wanted = self._version
        async with shared.lock:
            if shared.version < wanted:
                version = self._version
                shared.pieces = await render()
                shared.version = version
            return shared.pieces

    async def wakes(self, viewer: Viewer) -> AsyncIterator[bool]:
        """Once for each time the page may have changed (True) or the line wants a sign of life (False)."""
        while not self.closing.is_set():
            try:
                # Not wait_for: in Python 3.11 it can swallow the cancellation of a client that leaves.
                async with asyncio.timeout(self.beat):
                    await viewer.dirty.wait()
                changed = True
            except TimeoutError:
                changed = False
                self._version += 1
            if self.closing.is_set():
                return
            viewer.dirty.clear()
            yield changed
            await asyncio.sleep(self.pace)
