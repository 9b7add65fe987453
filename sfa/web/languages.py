"""Speak a person's language: which one a request gets, and what the scripts say in it.

The language is the cookie ``lang`` if a person chose one, else the first known one of Accept-Language, else English.
The catalogues themselves are `sfa.languages`, which mails need as well.
"""

from __future__ import annotations

import functools
import hashlib

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from sfa.languages import LANGUAGES, current, gettext, ngettext, texts

__all__ = ["LANGUAGES", "Speak", "asked", "chosen", "current", "gettext", "ngettext", "script_words", "words_version"]  # fmt: skip


@functools.cache
def script_words(language: str) -> dict[str, str]:
    """What the scripts say, in a language: the texts that stand in a ``.js`` file."""
    return {
        str(message.id): str(message.string)
        for message in texts(language)
        if message.string and any(place.endswith(".js") for place, _line in message.locations)
    }


def words_version() -> str:
    """Changes when the scripts' words in the current language do."""
    text = repr(script_words(current.get()))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def asked(request: Request) -> str:
    """The language that the browser asks for."""
    for part in request.headers.get("accept-language", "").split(","):
        language = part.partition(";")[0].strip().lower().partition("-")[0]
        if language in LANGUAGES:
            return language
    return "en"


def chosen(request: Request) -> str:
    """The language for a request."""
    wanted = request.cookies.get("lang", "")
    return wanted if wanted in LANGUAGES else asked(request)


class Speak:
    """Set the language of each request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            current.set(chosen(Request(scope)))
        await self.app(scope, receive, send)
