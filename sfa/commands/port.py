"""Check a port's child, in whatever language, against the protocol (sfa/ports/PROTOCOL.md).

    bin/sfa port check -- COMMAND…
    bin/sfa port check --op analyze --args '{"audio":"song.wav"}' -- .venv/bin/python -m sfa.ports.children.analyzer

A line a rule: ✓ kept, ✗ broken (with what happened instead), – not checked (with the reason). Without --op the child's
first op is asked without arguments, and an error is answer enough. Exit code 1 if any rule is broken.
"""

import argparse
import asyncio
import json
from dataclasses import asdict

from sfa.config import Config
from sfa.errors import SfaError
from sfa.ports import kin
from sfa.ports.conformance import Bench, Verdict, check

MARKS = {"ok": "✓", "broken": "✗", "skipped": "–"}


def arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="action", required=True, metavar="check")
    made = what.add_parser("check", help="put a child through the protocol's rules")
    made.add_argument("--op", help="the operation to ask for, which should end in a result")
    made.add_argument("--args", default="{}", metavar="JSON", help="its arguments, an object; it should take a few seconds")  # fmt: skip
    made.add_argument("--grace", type=float, default=5.0, metavar="S", help="seconds to stop in (5)")  # fmt: skip
    made.add_argument("--seconds", type=float, default=60.0, metavar="S", help="seconds to start in, and for a call (60)")  # fmt: skip
    made.add_argument("--json", action="store_true", help="print one JSON array")
    made.add_argument("command", nargs="+", metavar="COMMAND", help="the child")


def main(config: Config, args: argparse.Namespace) -> int:
    try:
        given = json.loads(args.args)
    except ValueError as error:
        raise SfaError(f"--args is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise SfaError('--args is not a JSON object, like \'{"audio":"song.wav"}\'')
    if min(args.grace, args.seconds) <= 0:
        raise SfaError("--grace and --seconds are more than 0")
    if given and args.op is None:
        raise SfaError("--args needs --op: whose arguments they are")
    kin.own()
    try:
        bench = Bench(args.command, args.op, given, args.grace, args.seconds, args.seconds)
        verdicts = asyncio.run(check(bench))
    finally:
        kin.dismiss_guard()
    if args.json:
        print(json.dumps([asdict(verdict) for verdict in verdicts]))
    else:
        print("\n".join(line(verdict) for verdict in verdicts))
        print(summary(verdicts))
    return int(any(verdict.state == "broken" for verdict in verdicts))


def line(verdict: Verdict) -> str:
    """One verdict as a person reads it."""
    said = f": {verdict.text}" if verdict.text else ""
    return f"  {MARKS[verdict.state]} {verdict.check:<12} {verdict.rule}{said}"


def summary(verdicts: list[Verdict]) -> str:
    """The last line."""
    count = {state: sum(v.state == state for v in verdicts) for state in MARKS}
    skipped = f", {count['skipped']} not checked" if count["skipped"] else ""
    if count["broken"]:
        what = "1 rule is" if count["broken"] == 1 else f"{count['broken']} rules are"
        return f"{what} broken{skipped}; sfa/ports/PROTOCOL.md has them all"
    return f"{count['ok']} rules are kept{skipped}"
