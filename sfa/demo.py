"""Render a short piece of music with known stems, so that a first run needs no file.

Decides nothing: it asks the port `synth` by hand, one request on a pipe.
Limit: one piece, the same each time.
"""

import json
import subprocess
import sys
from pathlib import Path

from sfa.config import HOME
from sfa.errors import SfaError

TITLE = "Demo in A minor"


def render_demo(out: Path) -> Path:
    """Render the piece into the folder `out`; return the mix."""
    request = json.dumps({"op": "render", "out": str(out)})
    done = subprocess.run(
        [sys.executable, "-m", "sfa.ports.children.synth"],
        cwd=HOME,
        input=request + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        frame = json.loads(line)
        if frame["type"] == "result":
            return out / str(frame["mix"])
        if frame["type"] == "error":
            raise SfaError(f"the demo could not be rendered: {frame['message']}")
    last = done.stderr.strip().splitlines()[-1:] or ["it gave no reason"]
    raise SfaError(f"the demo could not be rendered: {last[0]}")
