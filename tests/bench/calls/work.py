"""The work that every contestant does, as functions: nothing, analyse a file, separate one.

Libraries come in with the first call, or with `prepare`; this module itself needs the standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sfa.ports.child import Call
from sfa.ports.protocol import Request


def call(name: str, args: Mapping[str, Any]) -> Any:
    """Do one piece of work and give back its result."""
    if name == "nothing":
        return dict(args)
    request = Call(Request("1", name, args), lambda _: None)
    if name == "analyze":
        from sfa.ports.children import analysis

        return analysis.analyze(request)
    from sfa.ports.children import separation

    return separation.separate(request)


def prepare(name: str) -> None:
    """What a warm worker has done before its first call: its imports."""
    if name == "analyze":
        from sfa.ports.children import analysis  # noqa: F401 - that is the point
    elif name == "separate":
        from sfa.ports.children import separation  # noqa: F401 - that is the point
