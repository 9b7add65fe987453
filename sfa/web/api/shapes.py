"""Make what the API gives out of the rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sfa.db import Row
from sfa.web.api.schemas import SCHEMAS
from sfa.web.pages.page import page_key

Json = dict[str, Any]


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def shaped(schema: str, row: Row, **more: Any) -> Json:
    """The members that the schema names, from the row or from what is given beside it."""
    values = row | more
    return {name: plain(values[name]) for name in SCHEMAS[schema]["properties"] if name in values}


def paged(schema: str, rows: list[Row], size: int) -> Json:
    """One page of ``size``, of rows of which one more than that were asked for."""
    more, rows = len(rows) > size, rows[:size]
    after = page_key(rows[-1]["inserted_at"], rows[-1]["id"]) if more else None
    return {"items": [shaped(schema, row) for row in rows], "next": after}
