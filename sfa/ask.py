"""Ask a port's program one thing by hand: start it, one request on a pipe, its answer.

For commands that need a child's knowledge (a file's length, a model's stems) without a worker. Blocks; it takes the
program's own start, a second or so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from sfa.config import HOME
from sfa.errors import InputError, SfaError


def ask(program: str, op: str, **args: Any) -> Mapping[str, Any]:
    """The result's fields; `InputError` where the request or its file is at fault, `SfaError` for anything else."""
    done = subprocess.run(
        [sys.executable, "-m", f"sfa.ports.children.{program}"],
        cwd=HOME,
        input=json.dumps({"op": op, **args}) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        frame: Mapping[str, Any] = json.loads(line)
        if frame["type"] == "result":
            return frame
        if frame["type"] == "error":
            raise (InputError if frame["kind"] == "input" else SfaError)(frame["message"])
    last = done.stderr.strip().splitlines()[-1:] or ["it gave no reason"]
    raise SfaError(f"{program} ended without an answer: {last[0]}")
