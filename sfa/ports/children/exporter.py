"""Make a mix, a zip or a .stem.mp4 out of stems.

    echo '{"op":"export","package":"zip","stems":[{"name":"bass","path":"bass.wav"}],"out":"."}' \\
      | python -m sfa.ports.children.exporter
"""

from __future__ import annotations

from collections.abc import Mapping

from sfa.ports.child import Op, serve


def load() -> Mapping[str, Op]:
    """Import what the op needs."""
    from sfa.ports.children import export

    return {"export": export.export}


if __name__ == "__main__":
    serve("exporter", "1", load)
