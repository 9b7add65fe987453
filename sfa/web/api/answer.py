"""What an operation answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body that is JSON, and where what was made lies."""

    body: dict[str, Any] | None = None
    status: int = 200
    location: str | None = None
