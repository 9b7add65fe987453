"""Say what a page is: the rows it loads and the pieces it is made of; and where a list's page ends.

A handler renders the whole page from the same load and the same piece templates (``templates/pieces``) that the
live stream sends again when something changes; a reload and the stream cannot differ.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any, ClassVar, Protocol
from urllib.parse import urlencode
from uuid import UUID

from sfa.db import Session
from sfa.web.failures import Unusable
from sfa.web.live import Pieces
from sfa.web.render import Renderer

PAGE_SIZE = 50


class Page(Protocol):
    """What the stream can keep up to date; equal pages are rendered once for all who look at them."""

    name: ClassVar[str]
    pieces: ClassVar[tuple[str, ...]]

    def __hash__(self) -> int: ...

    def concerns(self, topic: str) -> bool:
        """Whether a change of this topic may change the page."""
        ...

    def query(self) -> dict[str, str]:
        """What the stream's address must say for it to show the same page."""
        ...

    async def load(self, session: Session) -> dict[str, Any]:
        """The values that the page's templates need."""
        ...


def stream_address(page: Page) -> str:
    """The address of the page's stream."""
    return "/events?" + urlencode({"page": page.name, **page.query()})


def page_key(inserted_at: datetime, id_: UUID) -> str:
    """Where a page ends, as it stands in the address."""
    return urlsafe_b64encode(f"{inserted_at.isoformat()} {id_}".encode()).decode().rstrip("=")


def key_parts(text: str) -> tuple[datetime | None, UUID | None]:
    """The moment and the id that a page key is made of; nothing for the first page."""
    if not text:
        return None, None
    try:
        moment, id_ = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(" ")
        return datetime.fromisoformat(moment), UUID(id_)
    except ValueError as error:
        raise Unusable(
            "This page's address is incomplete. Start from the first page.", 400
        ) from error


def rendered(render: Renderer, page: Page, values: dict[str, Any]) -> Pieces:
    """Each piece of the page by its name, as HTML."""
    return {name: render(f"pieces/{name}.html", **values) for name in page.pieces}
