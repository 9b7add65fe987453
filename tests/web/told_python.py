"""Find the texts that Python code raises, stores or shows: `f"{name} is empty"` is the template "{name} is empty".

A small evaluator follows a text to where it was written: through names, parameters, attributes, conditions, sums, tables and
calls, within a module and into the one that a function was imported from. What it can't follow stays a blank, named for the
expression in it. A blank that `sfa.told` takes for a text itself stays one, and what may stand in it is a template of its own.
Limit: texts that are put together otherwise (joined, formatted by %) are blanks.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from sfa.told import BLANK, TEXTS
from tests.web.told_source import Function, Module, defaults_of, module, module_named, place_of

DEPTH = 7

ARGUMENTS: dict[str, tuple[int, ...]] = {
    # Raised, and stored with the job or answered to a request.
    **dict.fromkeys(
        ("SfaError", "InputError", "ResourceError", "Later", "Refused", "StoreError", "ObjectMissing", "WeightsError", "ApiError",
         "KeyUsed", "DatabaseUnavailable", "Unusable", "Missing", "Forbidden", "Fenced"), (0,)
    ),
    "PortFailure": (1,),
    # How an attempt ended, as a value; the frame that says how a call did.
    "Failed": (0,), "Retried": (0,), "Lost": (0,), "Released": (0,), "Error": (1,),
    # Stages; what a certificate says; what becomes of a child, and why a worker gave up.
    "progress": (1,), "certificate": (0, 1), "stop": (0, 1), "kill": (0,), "_destroy": (0,), "set_result": (0,), "__init__": (0,),
}  # fmt: skip
"""Calls, and which of their arguments people read."""
KEYWORDS = ("reason", "notice", "error", "title", "body", "by", "otherwise")
"""Arguments by name that people read."""
ENTRIES = ("reason", "ended_by", "error")
"""Keys of dictionaries whose values people read."""
ASSIGNED = ("reason", "notice")
"""Variables that hold what people read."""
RETURNS = ("ended_by", "died", "failure", "verdict", "too_large", "not_audio")
"""Functions whose results people read."""


def _known(found: list[ast.expr | None]) -> bool:
    return bool(found) and all(value is not None for value in found)


class Reader:
    """What an expression of a module may say; None among the answers: something that can't be told."""

    def __init__(self, of: Module) -> None:
        self.of = of
        self.apart: list[ast.expr] = []
        """What stands in blanks that are texts themselves: to be read by itself."""

    def read(self, node: ast.expr | None, depth: int = DEPTH) -> list[str | None]:
        """Every text that the expression may be."""
        if depth == 0:
            return [None]
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.Constant(value=None):
                return []
            case ast.JoinedStr(values=parts):
                return self._joined(parts, depth)
            case ast.IfExp(body=body, orelse=other):
                return [*self.read(body, depth), *self.read(other, depth)]
            case ast.BoolOp(values=values):
                return [text for value in values for text in self.read(value, depth)]
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                wrapped = [ast.FormattedValue(value=part, conversion=-1) if not isinstance(part, ast.Constant | ast.JoinedStr) else part for part in (left, right)]  # fmt: skip
                return self._joined([*wrapped], depth)
            case ast.NamedExpr(value=value) | ast.Await(value=value):
                return self.read(value, depth)
            case ast.Name(id=name):
                return self._name(node, name, depth)
            case ast.Attribute(attr=name) if _known(self.of.assigned.get((None, f".{name}"), [])):
                return [text for value in self.of.assigned[None, f".{name}"] for text in self.read(value, depth - 1)]  # fmt: skip
            case ast.Subscript(value=ast.Name() as table) if (
                rows := self._table(table)
            ) is not None:
                return [text for value in rows for text in self.read(value, depth - 1)]
            case ast.Subscript(value=value):
                return self.read(value, depth)
            case ast.List(elts=values):
                return [text for value in values for text in self.read(value, depth)]
            case ast.Call(
                func=ast.Attribute(attr="join"),
                args=[ast.GeneratorExp(generators=[ast.comprehension(iter=parts)])],
            ):
                return self.read(parts, depth)
            case ast.Call():
                return self._call(node, depth)
        return [None]

    def _joined(self, parts: list[ast.expr], depth: int) -> list[str | None]:
        said: list[list[tuple[str, str]]] = [[]]
        for part in parts:
            choices = self._part(part, depth)
            said = [[*before, choice] for before in said for choice in choices]
        return [_named(pieces) for pieces in said]

    def _part(self, part: ast.expr, depth: int) -> list[tuple[str, str]]:
        """What may stand in one place: texts as ("", text), a blank as (its name, the expression)."""
        if isinstance(part, ast.Constant):
            return [("", str(part.value))]
        if isinstance(part, ast.JoinedStr):
            return [("", text) for text in self._joined(part.values, depth) if text is not None]
        assert isinstance(part, ast.FormattedValue)
        name, blank = blank_name(part.value), ast.unparse(part.value)
        if name in TEXTS:
            self.apart.append(part.value)
            return [(name, blank)]
        # A name is followed, for "it was said" may stand before; a call or an attribute is somebody's or something's.
        followed = (
            isinstance(part.value, ast.Name | ast.IfExp | ast.BinOp) and part.conversion == -1
        )
        found = self.read(part.value, depth - 1) if followed and not name.isupper() else [None]
        texts = [("", text) for text in found if text is not None]
        return [*texts, *([(name.lower(), blank)] if None in found or not texts else [])]

    def _name(self, node: ast.expr, name: str, depth: int) -> list[str | None]:
        scope = self.of.around(node)
        while True:
            if scope is not None and (place := place_of(scope, name)) is not None:
                return self._given(scope, name, place, depth)
            if found := self.of.assigned.get((scope, name)):
                return [text for value in found for text in ([None] if value is None else self.read(value, depth - 1))]  # fmt: skip
            if scope is None:
                return [None]
            scope = self.of.around(scope)

    def _given(self, function: Function, name: str, place: int, depth: int) -> list[str | None]:
        """What the module's own calls of a function give for a parameter."""
        texts: list[str | None] = []
        own = isinstance(self.of.parents.get(function), ast.ClassDef)
        calls = self.of.calls.get(f".{function.name}" if own else function.name, [])
        if own and function.name == "__init__":
            calls = []
        texts += [text for default in defaults_of(function, name) for text in self.read(default, 1)]
        for call in calls:
            given = next((each.value for each in call.keywords if each.arg == name), None)
            if given is None and place < len(call.args):
                given = call.args[place]
            if given is not None:
                texts += self.read(given, depth - 1)
        return texts or [None]

    def _table(self, name: ast.Name) -> list[ast.expr] | None:
        source, _, wanted = self.of.imported.get(name.id, name.id).rpartition(".")
        other = module_named(source) or self.of
        for value in other.assigned.get((None, wanted), []):
            if isinstance(value, ast.Dict):
                return value.values
        return None

    def _call(self, call: ast.Call, depth: int) -> list[str | None]:
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name() as table, attr="get"), args=[_, *rest]
            ) if (rows := self._table(table)) is not None:
                return [text for value in [*rows, *rest] for text in self.read(value, depth - 1)]
            case ast.Call(func=ast.Name(id="mark"), args=[text]):
                return self.read(text, depth)
            case ast.Call(func=ast.Name(id=name)):
                other, wanted = self.of, name
                if name in self.of.imported:
                    source, _, wanted = self.of.imported[name].rpartition(".")
                    other = module_named(source) or self.of
            case ast.Call(func=ast.Attribute(value=ast.Name(id=base), attr=wanted)):
                other = module_named(self.of.imported.get(base, "")) or self.of
            case _:
                return [None]
        functions = other.functions.get(wanted, [])
        if len(functions) != 1 or depth == 1:
            return [None]
        reader = self if other is self.of else Reader(other)
        texts = [
            text
            for node in ast.walk(functions[0])
            if isinstance(node, ast.Return) and node.value is not None
            for text in reader.read(node.value, depth - 1)
        ]
        return texts or [None]


def blank_name(node: ast.expr) -> str:
    """What a blank is called: the last word of its expression."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr="__name__"):
            return "exception"
        case ast.Attribute(attr=name):
            return name.strip("_")
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case ast.Subscript(value=value) | ast.Starred(value=value) | ast.Await(value=value):
            return blank_name(value)
        case ast.Call(func=ast.Attribute(attr="join"), args=[value, *_]):
            return blank_name(value)
        case ast.Call(
            func=ast.Name(id="str" | "repr" | "sorted" | "round" | "len" | "size" | "map" | "max"),
            args=[*_, value],
        ):
            return blank_name(value)
        case ast.Call(
            func=ast.Attribute(
                value=value, attr="partition" | "strip" | "split" | "lower" | "splitlines"
            )
        ):
            return blank_name(value)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name.strip("_")
        case ast.BinOp(left=ast.Constant(), right=value) | ast.BinOp(left=value):
            return blank_name(value)
    return next((each.id for each in ast.walk(node) if isinstance(each, ast.Name)), "value")


def _named(pieces: list[tuple[str, str]]) -> str:
    """Put a template together; another expression of a name that is taken gets a number."""
    text, taken = "", list[str]()
    for name, words in pieces:
        if name:
            number = sum(each == name for each in taken)
            taken.append(name)
            text += f"{{{name}{number + 1 if number else ''}}}"
        else:
            text += words
    return text


def worth(text: str) -> bool:
    """Whether there is anything to translate in it: words, or marks around a text."""
    if text.endswith(": "):
        return False
    own = BLANK.sub("", text).strip()
    told = any(name.rstrip("0123456789") in TEXTS for name in BLANK.findall(text))
    return bool(re.search(r"[A-Za-z]{2,}", own) or (told and own))


def python_texts(paths: list[Path]) -> tuple[dict[str, set[str]], list[str]]:
    """Every template with the files it stands in; and where a text is given that can't be followed at all."""
    found: dict[str, set[str]] = {}
    lost: list[str] = []
    for path in paths:
        of = module(path)
        reader = Reader(of)
        for what, node in _given_texts(of):
            texts = reader.read(node)
            if isinstance(node, ast.Tuple):
                continue  # another class of that name
            if what and texts and not [text for text in texts if text is not None]:
                lost.append(f"{of.path}: {what}({ast.unparse(node)})")
            for text in texts:
                if text is not None and worth(text):
                    found.setdefault(text, set()).add(of.path)
        while reader.apart:
            for text in reader.read(reader.apart.pop()):
                if text is not None and worth(text):
                    found.setdefault(text, set()).add(of.path)
    return found, lost


def docstrings(paths: list[Path]) -> dict[str, set[str]]:
    """What errors say that are raised without a word: their docstring."""
    raised: set[str] = set()
    classes: dict[str, tuple[str, str]] = {}
    for path in paths:
        of = module(path)
        for node in ast.walk(of.tree):
            match node:
                case (
                    ast.Raise(exc=ast.Name(id=name))
                    | ast.Call(func=ast.Name(id=name), args=[], keywords=[])
                ):
                    raised.add(name)
                case ast.ClassDef(name=name) if text := ast.get_docstring(node, clean=False):
                    classes[name] = (text.strip(), of.path)
                    if any(
                        isinstance(each, ast.Call) and ast.unparse(each) == "super().__init__()"
                        for each in ast.walk(node)
                    ):
                        raised.add(name)
    found: dict[str, set[str]] = {}
    for name in raised & set(classes):
        text, place = classes[name]
        if _is_error(name, tuple(paths)):
            found.setdefault(text, set()).add(place)
    return found


def _is_error(name: str, paths: tuple[Path, ...]) -> bool:
    """Whether a class descends from SFA's root of errors."""
    return name == "SfaError" or any(_is_error(base, paths) for base in _bases(paths).get(name, ()))


@functools.cache
def _bases(paths: tuple[Path, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in paths:
        for node in ast.walk(module(path).tree):
            if isinstance(node, ast.ClassDef):
                # Two may have one name: the children have an InputError of their own.
                found.setdefault(node.name, []).extend(ast.unparse(base) for base in node.bases)
    return found


def _given_texts(of: Module) -> Iterator[tuple[str, ast.expr]]:
    """The expressions that people read, each with the name of the call it is given to."""
    for node in ast.walk(of.tree):
        match node:
            case ast.Call(
                func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords
            ):
                for place in ARGUMENTS.get(name, ()):
                    if place < len(args):
                        yield (name if name[0].isupper() else ""), args[place]
                yield from (("", each.value) for each in keywords if each.arg in KEYWORDS)
            case ast.Call(func=ast.IfExp(body=ast.Name(id=name)), args=[text, *_]) if (
                name in ARGUMENTS
            ):
                yield "", text
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in ENTRIES:
                        yield "", value
            case ast.Assign(
                targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=value
            ) if name in ASSIGNED:
                yield "", value
            case ast.FunctionDef(name=name) if name in RETURNS:
                yield from (("", each.value) for each in ast.walk(node) if isinstance(each, ast.Return) and each.value)  # fmt: skip
