"""Find and fetch a song's recording with spotdl, from an environment of its own.

    echo '{"op":"download","song":{"title":"…","artists":["…"],"duration_ms":200000},"out":"here"}' \\
      | .venv/spotdl/bin/python -m sfa.ports.children.spotify_dl

Op ``download``: see ``recording``. spotdl and yt-dlp are imported before hello, inside the fence (``fence``).
"""

from __future__ import annotations

from collections.abc import Mapping

from sfa.ports.child import Op, serve


def load() -> Mapping[str, Op]:
    """Put the fence up, then import the libraries."""
    from sfa.ports.children import fence

    fence.up()
    from sfa.ports.children import recording

    return {"download": recording.download}


if __name__ == "__main__":
    serve("spotify_dl", "1", load)
