"""Find the texts that SQL writes for people: what rules refuse, what is raised, and the reasons, stages and news that functions store.

`format('task "%s" runs on queue "%s"', NEW.task_name, queue)` is the template 'task "{task_name}" runs on queue "{queue}"'.
Limit: it reads calls and assignments of known names, not the language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.web.told_python import worth
from tests.web.told_source import ROOT

MIGRATIONS = sorted((ROOT / "sql" / "migrations").glob("*.sql"))
CALLS: dict[str, tuple[int, ...]] = {"sfa_refuse": (1,), "sfa_tell": (3, 4), "sfa_lose_v1": (2,)}
"""Functions, and which of their arguments people read."""
STORED = ("reason", "stage", "error", "breaker_why", "what", "last_error", "before")
"""Columns and variables whose values people read."""
_STRING = re.compile(r"'((?:[^']|'')*)'")
_PIECE = re.compile(r"'(?:[^']|'')*'|--[^\n]*|[(),;]|[^'(),;-]+|-", re.S)


def arguments(text: str, start: int) -> list[str]:
    """The arguments of a call whose bracket opens before ``start``."""
    depth, found = 0, [""]
    for piece in _PIECE.finditer(text, start):
        word = piece[0]
        if word.startswith("--"):
            continue
        if word == ")" and not depth:
            break
        if word == "," and not depth:
            found.append("")
            continue
        depth += (word == "(") - (word == ")")
        found[-1] += word
    return [each.strip() for each in found]


def statement(text: str, start: int) -> str:
    """From ``start`` to the end of a statement, or to the comma after an assignment."""
    return arguments(text, start)[0].partition(";")[0]


def templates(expression: str) -> Iterator[str]:
    """The texts that an SQL expression may be."""
    at = 0
    for call in re.finditer(r"\bformat\(", expression):
        if call.start() < at:
            continue
        form, *values = arguments(expression, call.end())
        at = call.end() + len(form)
        if found := _STRING.match(form):
            yield filled(found[1], values)
            for value in values:
                yield from templates(value)
    rest = re.sub(r"\bformat\('(?:[^']|'')*'", "", expression)
    # What is compared with, looked up or converted is no text.
    rest = re.sub(r"(WHEN|->>|->|=|<>|~|IN \(|AND|OR)\s*'(?:[^']|'')*'", "", rest)
    for found in _STRING.finditer(rest):
        yield found[1].replace("''", "'")


def filled(form: str, values: list[str]) -> str:
    """A format's text with named blanks."""
    names: list[str] = []

    def blank(_: re.Match[str]) -> str:
        value = values[len(names)] if len(names) < len(values) else "value"
        bare = re.sub(r"'[^']*'|::\w+|\b(NEW|OLD|coalesce|left|round|extract)\b|\bs\.", " ", value)
        words = re.findall(r"[A-Za-z_]+", bare)
        # A value that has another in its place comes first, a column behind its table.
        word = words[0 if value.startswith("coalesce(") else -1] if words else "value"
        name = word.strip("_").lower()
        names.append(name)
        number = names.count(name)
        return f"{{{name}{number if number > 1 else ''}}}"

    return re.sub(r"%[sLI]|%", blank, form.replace("''", "'"))


def sql_texts() -> dict[str, set[str]]:
    """Every template with the files it stands in."""
    found: dict[str, set[str]] = {}
    for path in MIGRATIONS:
        text = path.read_text()
        for template in _given(text):
            if worth(template) and " " in template and not re.search(r"[\n\\]", template):
                found.setdefault(template, set()).add(str(path.relative_to(ROOT)))
    return found


def _given(text: str) -> Iterator[str]:
    for name, places in CALLS.items():
        for call in re.finditer(rf"\b{name}\(", text):
            given = arguments(text, call.end())
            # What a page says of an address that is none is the hint.
            hint = (2,) if given[0] == "'imports_address_form'" else ()
            for place in places + hint:
                if place < len(given) and not text[: call.start()].endswith("FUNCTION "):
                    yield from templates(given[place])
    for raised in re.finditer(r"\bRAISE EXCEPTION ('(?:[^']|'')*')", text):
        values = [each.partition(" USING ")[0] for each in arguments(text, raised.end())]
        yield filled(raised[1][1:-1], values[1:])
    for name in STORED:
        for assigned in re.finditer(rf"\b{name}(?: text)? :?= (?=[^;]*')", text):
            yield from templates(statement(text, assigned.end()))
    for fallback in re.finditer(r"coalesce\(\w+\.error, '((?:[^']|'')*)'\)", text):
        yield fallback[1]
    for appended in re.finditer(r"_message \|\| '([^']*)' \|\| _rule \|\| '([^']*)'", text):
        yield f"{{message}}{appended[1]}{{rule}}{appended[2]}"
    for entry in re.finditer(r"'ended_by', '([^']*)'", text):
        yield entry[1]
    for used in re.finditer(r"USING \w+, '((?:[^']|'')*)'", text):
        yield used[1]
