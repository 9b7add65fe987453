"""The scenarios: a function each, registered by `fault` under its own name, in the order of the list."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from sfa.chaos.scene import Scene

Play = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario: what it does is the first line of its docstring."""

    name: str
    about: str
    play: Play


SCENARIOS: dict[str, Scenario] = {}


def fault(play: Play) -> Play:
    """Register a scenario under the function's name, with dashes."""
    name = play.__name__.replace("_", "-")
    SCENARIOS[name] = Scenario(name, (play.__doc__ or "").splitlines()[0].rstrip("."), play)
    return play


def register() -> None:
    """Import every module of scenarios; the order here is the order of the list."""
    for module in MODULES:
        importlib.import_module(f"sfa.chaos.faults.{module}")


MODULES = (
    "processes", "company", "database", "disk", "network", "pooler", "clock", "load", "poison", "hostile", "cancel", "deploy",
    "breaker", "chains", "tokens", "races",
)  # fmt: skip
