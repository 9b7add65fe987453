"""The API's routes."""

from __future__ import annotations

from starlette.routing import Route

from sfa.web.api.openapi import openapi
from sfa.web.api.operations import BASE, OPERATIONS

# Each operation reads no more than it takes and says so in a problem; Starlette's own refusal is plain text.
UNLIMITED = 1 << 62


def api_routes() -> list[Route]:
    """One for each operation; and the document."""
    made = [
        Route(
            f"{BASE}{operation.path}",
            operation.__call__,
            methods=[operation.method],
            name=operation.name,
            max_body_size=UNLIMITED,
        )
        for operation in OPERATIONS
    ]
    return [*made, Route(f"{BASE}/openapi.json", openapi)]
