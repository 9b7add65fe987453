"""Read which page of a list is asked for: ``limit`` (1 to 200, else 50) and ``before``, the ``next`` of the page before it.

What has an order of its own (an import's items, a batch's members) comes in pieces: ``after`` is the ``next`` of the piece
before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sfa.web.api.operation import Parameter
from sfa.web.failures import Unusable
from sfa.web.pages.page import PAGE_SIZE, key_parts

MOST = 200
PAGING = (
    Parameter("before", "Where the page begins: the `next` of the page before it."),
    Parameter(
        "limit",
        "How many items a page has.",
        {"type": "integer", "minimum": 1, "maximum": MOST, "default": PAGE_SIZE},
    ),
)
PIECES = (
    Parameter(
        "after",
        "The position after which the piece begins: the `next` of the piece before it.",
        {"type": "integer", "minimum": 0},
    ),
    Parameter(
        "limit",
        "How many items a piece has.",
        {"type": "integer", "minimum": 1, "maximum": MOST, "default": PAGE_SIZE},
    ),
)


def size_of(query: Mapping[str, str]) -> int:
    """How many items are asked for."""
    return number(query, "limit", PAGE_SIZE, 1, MOST)


def number(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """A whole number that the query says."""
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise Unusable(f"{name} is a whole number from {low} to {high}.", 400)
    return int(text)


def before_of(query: Mapping[str, str]) -> tuple[datetime | None, UUID | None]:
    """Where the page begins."""
    return key_parts(query.get("before", "")[:200])


def piece_of(query: Mapping[str, str]) -> tuple[int, int]:
    """How many items are asked for, and the position after which; positions count from 0."""
    return size_of(query), number(query, "after", -1, 0, 999_999_999)
