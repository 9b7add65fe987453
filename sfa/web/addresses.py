"""Read identities out of an address; what is no identity names nothing, hence 404; and keep to our own."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request

from sfa.web.failures import Missing

LONGEST = 2000


def identity(text: str) -> UUID:
    """The id in the text."""
    try:
        return UUID(text)
    except ValueError as error:
        raise Missing from error


def track_of(request: Request) -> UUID:
    """The track in the path (or, for the stream, in ?track=)."""
    return identity(request.path_params.get("id") or request.query_params.get("track", ""))


def job_of(request: Request) -> UUID | None:
    """The separation that was chosen with ?job=."""
    text = request.query_params.get("job", "")
    return identity(text) if text else None


def inside(address: str) -> str:
    """The address if it leads to a page of this server, else the home page."""
    plain = address.isprintable() and address.startswith("/") and len(address) <= LONGEST
    return address if plain and not address.startswith("//") and "\\" not in address else "/"
