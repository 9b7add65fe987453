"""A file of Python, parsed once: its functions, calls, imports, and what is assigned to which name in which function."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

ROOT = Path(__file__).parents[2]

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """A parsed file, and where its texts come from."""

    def __init__(self, path: Path) -> None:
        self.path = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
        self.tree = ast.parse(path.read_text())
        self.parents = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }
        self.functions: dict[str, list[Function]] = {}
        self.calls: dict[str, list[ast.Call]] = {}
        self.assigned: dict[tuple[Function | None, str], list[ast.expr | None]] = {}
        self.imported: dict[str, str] = {}
        for node in ast.walk(self.tree):
            self._note(node)

    def _note(self, node: ast.AST) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.functions.setdefault(node.name, []).append(node)
            case ast.Call(func=ast.Name(id=name)):
                self.calls.setdefault(name, []).append(node)
            case ast.Call(func=ast.Attribute(attr=name)):
                self.calls.setdefault(f".{name}", []).append(node)
            case ast.ImportFrom(module=str(source), names=names):
                self.imported |= {
                    each.asname or each.name: f"{source}.{each.name}" for each in names
                }
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(node, target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(node, target, value)
            case ast.AugAssign(target=target):
                self._assign(node, target, None)
            case ast.For(target=target) | ast.comprehension(target=target):
                self._assign(node, target, None)

    def _assign(self, at: ast.AST, target: ast.expr, value: ast.expr | None) -> None:
        match target, value:
            case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
                for one, other in zip(targets, values, strict=True):
                    self._assign(at, one, other)
            case ast.Tuple(elts=targets), _:
                for one in targets:
                    self._assign(at, one, None)
            case ast.Name(id=name), _:
                self.assigned.setdefault((self.around(at), name), []).append(value)
            case ast.Attribute(attr=name), _:
                self.assigned.setdefault((None, f".{name}"), []).append(value)

    def around(self, node: ast.AST) -> Function | None:
        """The function that a node stands in."""
        above = self.parents.get(node)
        while above is not None and not isinstance(above, Function):
            above = self.parents.get(above)
        return above


@functools.cache
def module(path: Path) -> Module:
    """A file, parsed once."""
    return Module(path)


def module_named(name: str) -> Module | None:
    """The file of a module of SFA's."""
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py") if name.startswith("sfa.") else None
    return module(path) if path is not None and path.is_file() else None


def place_of(function: Function, name: str) -> int | None:
    """At which place of a call a parameter is given."""
    names = [each.arg for each in [*function.args.posonlyargs, *function.args.args]]
    own = 1 if names[:1] in (["self"], ["cls"]) else 0
    if name in names:
        return names.index(name) - own
    return 99 if name in [each.arg for each in function.args.kwonlyargs] else None


def defaults_of(function: Function, name: str) -> list[ast.expr]:
    """What a parameter is where nothing is given for it."""
    names = [each.arg for each in [*function.args.posonlyargs, *function.args.args]]
    given = function.args.defaults
    return [value for each, value in zip(names[len(names) - len(given) :], given, strict=True) if each == name]  # fmt: skip
