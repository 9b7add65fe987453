"""Show the last lines of the programs' logs; with -f go on showing new ones."""

import argparse
import os
from pathlib import Path

from sfa.config import Config
from sfa.errors import SfaError
from sfa.supervisord import Supervisord


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "program", nargs="*", help="web, postgres, worker-processing … (default: all)"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    parser.add_argument("-n", "--lines", type=int, default=20, help="lines of each (20)")


def main(config: Config, args: argparse.Namespace) -> int:
    folder = Supervisord().logs
    there = {path.stem: path for path in sorted(folder.glob("*.log"))}
    wanted: list[Path] = []
    for name in args.program or there:
        if name not in there:
            known = ", ".join(there) or "none yet"
            raise SfaError(f"there is no log of {name!r}; there are: {known}")
        wanted.append(there[name])
    if not wanted:
        raise SfaError("there are no logs yet: start with `bin/sfa up`")
    follow = ["-F"] if args.follow else []
    os.execvp("tail", ["tail", "-n", str(args.lines), *follow, "--", *map(str, wanted)])  # noqa: S606
