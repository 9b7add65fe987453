"""A child that asks for more memory than it may have, and lives on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sfa.ports.child import Call, serve


def go(call: Call) -> Mapping[str, Any]:
    """Take as many megabytes as were asked for."""
    return {"taken": len(bytearray(int(call.args["megabytes"]) << 20)) >> 20}


if __name__ == "__main__":
    serve("hungry", "1", {"go": go})
