"""Loaded models within a limit: the least recently used goes first, before the next one is loaded, and its memory with it."""

from __future__ import annotations

import weakref

import pytest

from sfa.ports.shelf import Shelf


class Model:
    """Refers to itself, as networks do."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.me = self


def test_what_is_there_is_not_loaded_again_and_the_oldest_use_goes_first() -> None:
    shelf: Shelf[Model] = Shelf(limit=100)
    loaded: list[str] = []

    def get(name: str, size: int = 40) -> Model:
        def load() -> Model:
            loaded.append(name)
            return Model(name)

        return shelf.get(name, size, load)

    first = get("a")
    get("b")
    assert get("a") is first
    get("c")
    assert ("a" in shelf, "b" in shelf, "c" in shelf) == (True, False, True)
    get("b")
    assert loaded == ["a", "b", "c", "b"]
    assert shelf.held == 80


def test_room_is_made_and_memory_free_before_the_next_one_is_loaded() -> None:
    rooms: list[bool] = []
    old: list[weakref.ref[Model]] = []
    shelf: Shelf[Model] = Shelf(limit=100, on_room=lambda: rooms.append(old[0]() is None))
    old.append(weakref.ref(shelf.get("old", 60, lambda: Model("old"))))

    def load() -> Model:
        assert rooms == [True]
        assert shelf.held == 0
        return Model("new")

    assert shelf.get("new", 60, load).name == "new"


def test_what_is_larger_than_the_shelf_is_kept_alone() -> None:
    shelf: Shelf[Model] = Shelf(limit=100)
    shelf.get("a", 40, lambda: Model("a"))
    shelf.get("huge", 500, lambda: Model("huge"))
    assert ("a" in shelf, "huge" in shelf) == (False, True)
    shelf.get("b", 40, lambda: Model("b"))
    assert ("huge" in shelf, shelf.held) == (False, 40)


def test_a_load_that_fails_leaves_nothing_under_its_key() -> None:
    shelf: Shelf[Model] = Shelf(limit=100)

    def fail() -> Model:
        raise OSError("damaged")

    with pytest.raises(OSError, match="damaged"):
        shelf.get("a", 40, fail)
    assert ("a" in shelf, shelf.held) == (False, 0)
    shelf.get("a", 40, lambda: Model("a"))
    shelf.clear()
    assert shelf.held == 0


def test_the_limit_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFA_SHELF_MB", "7")
    assert Shelf[Model]().limit == 7 << 20
    monkeypatch.setenv("SFA_SHELF_MB", "many")
    assert Shelf[Model]().limit > 64 << 20
