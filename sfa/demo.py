"""Render a short piece of music with known stems, so that a first run needs no file.

Decides nothing: it asks the port `synth` by hand, one request on a pipe.
Limit: one piece, the same each time.
"""

from pathlib import Path

from sfa.ask import ask
from sfa.errors import SfaError

TITLE = "Demo in A minor"


def render_demo(out: Path) -> Path:
    """Render the piece into the folder `out`; return the mix."""
    try:
        return out / str(ask("synth", "render", out=str(out))["mix"])
    except SfaError as error:
        raise SfaError(f"the demo could not be rendered: {error}") from error
