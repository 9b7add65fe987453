"""Keep loaded models on a shelf of limited size: the least recently used make room for the next.

    shelf = Shelf(limit=2 << 30)
    bag = shelf.get("htdemucs", size=340 << 20, load=lambda: read("htdemucs"))

For a port's child, and for it alone: one thread, the standard library. Room is made before the load, so that two large models are never held at
once for want of a moment; what is larger than the whole shelf is loaded all the same, alone. Sizes are the
caller's estimates, in bytes (the weights' file size will do); the limit comes from ``SFA_SHELF_MB`` where
none is given, and is a third of the machine's memory where nothing is.
"""

from __future__ import annotations

import gc
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shelf(Generic[T]):
    """Loaded things by key.

    Options:
        limit: bytes in all (``SFA_SHELF_MB``, else a third of the machine's memory).
        on_room: called when things have gone and their memory is free, say to empty a GPU's cache.
    """

    def __init__(
        self, limit: int | None = None, on_room: Callable[[], object] = lambda: None
    ) -> None:
        self.limit = _limit() if limit is None else limit
        self._on_room = on_room
        self._kept: OrderedDict[Hashable, tuple[int, T]] = OrderedDict()

    @property
    def held(self) -> int:
        """Bytes of all that is kept."""
        return sum(size for size, _ in self._kept.values())

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def get(self, key: Hashable, size: int, load: Callable[[], T]) -> T:
        """What is kept under the key; loaded, after room was made for it, where it is not."""
        if (found := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return found[1]
        self.make_room(size)
        thing = load()
        self._kept[key] = (size, thing)
        return thing

    def clear(self) -> None:
        """Drop everything."""
        self.make_room(self.limit + 1)

    def make_room(self, size: int) -> None:
        """Drop the least recently used until ``size`` bytes fit, or nothing is left."""
        dropped = False
        while self._kept and self.held + size > self.limit:
            self._kept.popitem(last=False)
            dropped = True
        if dropped:
            # Modules refer to themselves: without this their memory comes back some time later.
            gc.collect()
            self._on_room()


def _limit() -> int:
    given = os.environ.get("SFA_SHELF_MB", "")
    if given.isdigit():
        return int(given) << 20
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 3
