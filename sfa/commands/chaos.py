"""Break a copy of SFA on purpose and say what was lost, doubled or orphaned.

It starts a PostgreSQL and workers of its own in a temporary folder, plays the named scenarios (all of them by
default), and reads the history afterwards: the job tables against what the children really did.
The installation and its database are not touched; all traffic stays on this machine. Exit code 1 if anything broke.
"""

import argparse
import difflib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from sfa.chaos.faults import SCENARIOS, Scenario, register
from sfa.chaos.run import HEAD, Verdict, play_all, row
from sfa.chaos.scene import Scene
from sfa.config import Config
from sfa.errors import SfaError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios (default: all)")
    parser.add_argument("--list", action="store_true", help="list the scenarios")
    parser.add_argument("--seed", type=int, default=1, help="of what is left to chance (default 1)")
    parser.add_argument(
        "--long", action="store_true", help="the long outage takes its 10 minutes, not one"
    )
    parser.add_argument("--minutes", type=float, help="instead: random faults for so long")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--keep", type=Path, help="a folder for the workers' logs of what broke")


def main(config: Config, args: argparse.Namespace) -> int:
    register()
    if args.list:
        for scenario in SCENARIOS.values():
            print(f"  {scenario.name:<34} {scenario.about}")
        return 0
    scenarios = _chosen(args)
    if not args.json:
        print(f"seed {args.seed}\n{HEAD}", flush=True)
    verdicts = []
    for verdict in play_all(scenarios, seed=args.seed, long=args.long, keep=_keeper(args.keep)):
        verdicts.append(verdict)
        if not args.json:
            print(row(verdict), flush=True)
            if verdict.skipped:
                print(f"    skipped: {verdict.skipped}")
            for finding in verdict.findings[:5]:
                print(f"    {finding.fault}: {finding.text}")
            if len(verdict.findings) > 5:
                print(f"    … and {len(verdict.findings) - 5} more")
    broken = [verdict for verdict in verdicts if verdict.findings]
    skipped = [verdict.name for verdict in verdicts if verdict.skipped]
    if args.json:
        print(
            json.dumps(
                {"seed": args.seed, "ok": not broken, "verdicts": [_facts(v) for v in verdicts]}
            )
        )
    else:
        held = len(verdicts) - len(broken) - len(skipped)
        print(
            f"{held} of {len(verdicts)} scenarios held"
            + (f", {len(skipped)} skipped" if skipped else "")
        )
    return 1 if broken else 0


def _chosen(args: argparse.Namespace) -> list[Scenario]:
    if args.minutes is not None:
        from sfa.chaos.faults.soak import soak

        if args.names:
            raise SfaError("--minutes plays random faults: leave the names out")
        return [soak(args.minutes)]
    for name in args.names:
        if name not in SCENARIOS:
            near = difflib.get_close_matches(name, SCENARIOS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SfaError(
                f"there is no scenario {name!r}{hint}; `bin/sfa chaos --list` shows them"
            )
    return [SCENARIOS[name] for name in args.names or SCENARIOS]


def _keeper(folder: Path | None) -> Callable[[Scene], None]:
    def keep(scene: Scene) -> None:
        if folder is not None:
            for path in scene.place.glob("*"):
                if path.is_file():
                    target = folder / scene.place.name
                    target.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, target)
            print(f"    kept in {folder / scene.place.name}", file=sys.stderr)

    return keep


def _facts(verdict: Verdict) -> dict[str, object]:
    return asdict(verdict) | {"verdict": verdict.word}
