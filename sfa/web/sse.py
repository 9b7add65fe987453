"""Write server-sent events: htmx partials, named events, comments that keep the line open."""

from __future__ import annotations

from collections.abc import Mapping

COMMENT = ": here\n\n"


def event(name: str) -> str:
    """A named event; htmx triggers it on the element that holds the stream."""
    return f"event: {name}\ndata: \n\n"


def partials(pieces: Mapping[str, str]) -> str:
    """One message that morphs each piece in its place."""
    body = "".join(
        f'<hx-partial hx-target="#{name}" hx-swap="innerMorph">{html}</hx-partial>'
        for name, html in pieces.items()
    )
    return "".join(f"data: {line}\n" for line in body.splitlines()) + "\n"
