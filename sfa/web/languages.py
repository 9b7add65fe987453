"""Speak a person's language: the catalogues under ``locale/``, and which one a request gets.

The language is the cookie ``lang`` if a person chose one, else the first known one of Accept-Language, else English.
Texts are looked up by themselves (gettext); a catalogue is compiled from its ``.po`` file when it is first needed.
The current language is a context variable: a request's, or a stream's for as long as it lasts.
"""

from __future__ import annotations

import functools
import gettext as catalogues
import hashlib
import io
from contextvars import ContextVar
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER = Path(__file__).parent / "locale"
LANGUAGES = {"en": "English", "de": "Deutsch"}
current: ContextVar[str] = ContextVar("language", default="en")


@functools.cache
def catalogue(language: str) -> catalogues.NullTranslations:
    """The texts of a language; English has none to look up."""
    path = FOLDER / f"{language}.po"
    if language not in LANGUAGES or not path.is_file():
        return catalogues.NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return catalogues.GNUTranslations(compiled)


@functools.cache
def script_words(language: str) -> dict[str, str]:
    """What the scripts say, in a language: the texts that stand in a ``.js`` file."""
    path = FOLDER / f"{language}.po"
    if language not in LANGUAGES or not path.is_file():
        return {}
    with path.open("rb") as file:
        found = read_po(file, locale=language)
    return {
        str(message.id): str(message.string)
        for message in found
        if message.string and any(place.endswith(".js") for place, _line in message.locations)
    }


def words_version() -> str:
    """Changes when the scripts' words in the current language do."""
    text = repr(script_words(current.get()))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def gettext(text: str) -> str:
    """The text in the current language."""
    return catalogue(current.get()).gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """The text for a number of things, in the current language."""
    return catalogue(current.get()).ngettext(one, many, count)


def chosen(request: Request) -> str:
    """The language for a request."""
    if request.cookies.get("lang") in LANGUAGES:
        return request.cookies["lang"]
    for part in request.headers.get("accept-language", "").split(","):
        language = part.partition(";")[0].strip().lower().partition("-")[0]
        if language in LANGUAGES:
            return language
    return "en"


class Speak:
    """Set the language of each request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            current.set(chosen(Request(scope)))
        await self.app(scope, receive, send)
