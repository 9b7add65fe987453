"""A port's child that does nothing, as fast as it can: what a call costs beside the work."""

from __future__ import annotations

from sfa.ports.child import serve

if __name__ == "__main__":
    serve("idle", "1", {"nothing": lambda call: dict(call.args)})
