"""Tell in a person's language what is stored in English: errors, stages, reasons, notifications, lines of a job's log.

The database and the API keep one language, and what they keep has its values filled in: "song.mp3 is empty; give a file with
sound in it". The catalogue knows the text it was made of, with blanks: "{name} is empty; give a file with sound in it".
`told` finds that template and fills its translation with the same values. A blank that holds a text itself (`TEXTS`: an
error's cause, a refusal's sentence) is told the same way; any other value (a name, a title, a number) stays as it is, so
a song that is called "failed" keeps its name.

Which texts there are is collected from the source (tests/web/told_*.py), so that a new one without a translation
fails a test. What no template fits stays as it was stored.

Limits: texts of more than `MOST` characters are left alone, and texts within texts deeper than `DEPTH`. A template is tried
only where its first or last whole word is the text's; its words are found from left to right and never looked for anew, so a
text costs each candidate one walk over it at most. Of several that fit, the one counts whose own words come first.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from sfa.languages import current, texts

MOST: Final = 4000
DEPTH: Final = 4
KEPT: Final = 1024
TEXTS: Final = frozenset(
    {"before", "died", "error", "how", "looks_like", "message", "reason", "strerror", "told", "what"}
)  # fmt: skip
"""Blanks whose values are texts that may be known themselves."""
SYSTEM: Final = (
    "No space left on device", "Disk quota exceeded", "Too many open files", "Permission denied", "No such file or directory",
    "Input/output error", "Read-only file system", "Cannot allocate memory", "Is a directory", "Argument list too long",
)  # fmt: skip
"""What the operating system says of what it refused (`os.strerror`), where that may stand in an error."""
BLANK: Final = re.compile(r"\{(\w+)\}")
_LOGGED: Final = re.compile(r"(\d\d:\d\d:\d\d )(.+)")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with blanks: what stands around them, their names, and the translation."""

    around: tuple[str, ...]
    names: tuple[str, ...]
    translation: str

    @classmethod
    def of(cls, text: str, translation: str) -> Self:
        """Read a template as the catalogue has it."""
        parts = BLANK.split(text)
        return cls(tuple(parts[::2]), tuple(parts[1::2]), translation)

    @property
    def plain(self) -> bool:
        """Whether none of its blanks holds a text."""
        return not any(name.rstrip("0123456789") in TEXTS for name in self.names)

    def match(self, text: str) -> dict[str, str] | None:
        """What stands in the blanks; None where the text is another. One walk from left to right."""
        first, *inner, last = self.around
        at, end = len(first), len(text) - len(last)
        if at > end or not text.startswith(first) or not text.endswith(last):
            return None
        values = []
        for words in inner:
            found = text.find(words, at, end)
            if found < 0:
                return None
            values.append(text[at:found])
            at = found + len(words)
        return dict(zip(self.names, [*values, text[at:end]], strict=True))

    def rank(self, values: dict[str, str]) -> tuple[bool, int, int]:
        """How well it fits, the least being the best: what begins first, as the outer of two texts does; then what has more of its own."""
        own = sum(map(len, self.around))
        first = 0 if self.around[0] else len(values[self.names[0]])
        # "{exception}: {error}" fits almost anything.
        return own <= 2, first, -own

    def filled(self, values: dict[str, str]) -> str:
        """The translation with these values; a value that looks like a blank is none."""
        return BLANK.sub(lambda blank: values.get(blank[1], blank[0]), self.translation)


class Told:
    """The texts of one language: whole ones by themselves, templates by a whole word at their beginning or end."""

    def __init__(self, known: Iterable[tuple[str, str]]) -> None:
        self._whole: dict[str, str] = {}
        self._heads: dict[str, list[Template]] = {}
        self._tails: dict[str, list[Template]] = {}
        self._others: list[Template] = []
        for text, translation in known:
            if not BLANK.search(text):
                self._whole[text] = translation
                continue
            template = Template.of(text, translation)
            head, tail = template.around[0].partition(" "), template.around[-1].rpartition(" ")
            if head[1]:
                self._heads.setdefault(head[0], []).append(template)
            elif tail[1]:
                self._tails.setdefault(tail[2], []).append(template)
            else:
                self._others.append(template)

    def candidates(self, text: str) -> list[Template]:
        """The templates that are worth a try."""
        return [
            *self._heads.get(text.partition(" ")[0], ()),
            *self._tails.get(text.rpartition(" ")[2], ()),
            *self._others,
        ]

    def tell(self, text: str, depth: int = DEPTH) -> str | None:
        """The text in this language; None where it is not known."""
        if text in self._whole:
            return self._whole[text]
        if len(text) > MOST or not depth:
            return None
        if (listed := self._listed(text)) is not None:
            return listed
        found = [
            (template.rank(values), template, values)
            for template in self.candidates(text)
            if (values := template.match(text)) is not None
        ]
        if not found:
            return None
        _, template, values = min(found, key=lambda each: each[0])
        return template.filled(
            {name: self._value(name, value, depth - 1) for name, value in values.items()}
        )

    def _value(self, name: str, value: str, depth: int) -> str:
        """What stands in a blank: told where it is a text, else as it is."""
        found = self.tell(value, depth) if name.rstrip("0123456789") in TEXTS else None
        return found or value

    def _listed(self, text: str) -> str | None:
        """Several texts in a row, where each of them is known and holds no other."""
        found = []
        for part in text.split("; ", 9) if "; " in text else ():
            plain = (template for template in self.candidates(part) if template.plain)
            said = self._whole.get(part) or next(
                (template.filled(values) for template in plain if (values := template.match(part))), None
            )  # fmt: skip
            if said is None:
                return None
            found.append(said)
        return "; ".join(found) or None


def _stored(language: str) -> Iterator[tuple[str, str]]:
    """What may be stored, with its translation: whole texts, and the templates that stand in Python or SQL."""
    for message in texts(language):
        text, places = message.id, [place for place, _line in message.locations]
        ours = any(place.endswith((".py", ".sql")) for place in places)
        if isinstance(text, str) and text and message.string and (ours or not BLANK.search(text)):
            yield text, str(message.string)


@functools.cache
def tongue(language: str) -> Told:
    """The stored texts of a language."""
    return Told(_stored(language))


@functools.lru_cache(KEPT)
def _tell(language: str, text: str) -> str:
    return tongue(language).tell(text) or text


def told(text: str | None) -> str:
    """A stored text in the current language; what is not known stays as it is, and nothing is empty."""
    language = current.get()
    if not text or language == "en" or len(text) > MOST:
        return text or ""
    return _tell(language, text)


def told_log(words: str) -> str:
    """A job's log in the current language: the stages, which have their time before them, and nothing that a child said."""
    if current.get() == "en":
        return words
    return "\n".join(
        found[1] + told(found[2]) if (found := _LOGGED.fullmatch(line)) else line
        for line in words.split("\n")
    )
