"""A line a queue says what is held back and why."""

from typing import Any

import pytest

from sfa.commands.status import OBSTACLES, _held


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"held": 0, "obstacle": None}, ""),
        ({"held": 2, "obstacle": "paused"}, ", 2 held"),
        ({"held": 0, "obstacle": "busy"}, "; every slot is taken"),
        ({"held": 1, "obstacle": "resource", "short": 3, "short_of": ["gpu"]}, ", 1 held; 3 wait for gpu"),
    ],
)  # fmt: skip
def test_what_is_held_back_is_told(row: dict[str, Any], said: str) -> None:
    assert _held(row) == said


def test_every_obstacle_has_words() -> None:
    from sfa.web.names import OBSTACLES as SHOWN

    # The pause's own reason stands in the line; a resource is named.
    assert OBSTACLES.keys() | {"paused", "breaker"} == SHOWN.keys()
