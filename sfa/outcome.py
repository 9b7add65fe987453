"""Say how an attempt ended, as a value: each verdict is a frozen record, closed by `Outcome`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Certificate = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Completed:
    """The work is done and its results are written."""

    certificate: Certificate = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """It went wrong, and trying again would not help (or there are no attempts left)."""

    error: str
    kind: str
    certificate: Certificate = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retried:
    """It went wrong and will be tried again in ``seconds`` (None: as its kind says), if it has attempts left; uses up one."""

    error: str
    kind: str
    seconds: float | None = None
    certificate: Certificate = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lost:
    """Its child died; it will be tried again as its kind says, if it has crashes left; uses up one, not an attempt."""

    error: str
    certificate: Certificate = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Somebody asked for its end."""

    certificate: Certificate = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Released:
    """Given back unharmed, to be started again in ``seconds``: uses up nothing.

    ``error`` says what stood in the way, where it was not just a worker that stopped.
    """

    error: str | None = None
    seconds: float = 0.0
    certificate: Certificate = field(default_factory=dict)


Outcome = Completed | Failed | Retried | Lost | Cancelled | Released
