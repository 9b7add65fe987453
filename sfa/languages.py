"""Know the languages: their catalogues under ``sfa/web/locale/``, and which one is spoken at the moment.

Texts are looked up by themselves (gettext); a catalogue is compiled from its ``.po`` file when it is first needed. The
current language is a context variable: a request's, a stream's for as long as it lasts, a mail's while it is written.
What was stored with its values filled in is not looked up here but told by `sfa.told`.
"""

from __future__ import annotations

import functools
import gettext as catalogues
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent / "web" / "locale"
LANGUAGES = {"en": "English", "de": "Deutsch"}
current: ContextVar[str] = ContextVar("language", default="en")


@functools.cache
def texts(language: str) -> Catalog:
    """Everything that stands in a language's ``.po`` file; English has nothing to look up."""
    path = FOLDER / f"{language}.po"
    if language not in LANGUAGES or not path.is_file():
        return Catalog()
    with path.open("rb") as file:
        return read_po(file, locale=language)


@functools.cache
def catalogue(language: str) -> catalogues.NullTranslations:
    """The texts of a language, to be looked up."""
    found = texts(language)
    if not len(found):
        return catalogues.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, found)
    compiled.seek(0)
    return catalogues.GNUTranslations(compiled)


def gettext(text: str) -> str:
    """The text in the current language."""
    return catalogue(current.get()).gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """The text for a number of things, in the current language."""
    return catalogue(current.get()).ngettext(one, many, count)


@contextmanager
def speaking(language: str | None) -> Iterator[None]:
    """Have another language be the current one for a while; None: leave it."""
    token = current.set(language or current.get())
    try:
        yield
    finally:
        current.reset(token)
