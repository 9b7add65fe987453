"""Check this installation: a line a check, with what to do. Exit code 1 if anything fails."""

import argparse
import json
from dataclasses import asdict

from sfa.checkup import examine
from sfa.config import Config

MARKS = {"ok": "✓", "warn": "!", "fail": "✗"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(config: Config, args: argparse.Namespace) -> int:
    findings = []
    for finding in examine(config):
        findings.append(finding)
        if not args.json:
            advice = f"  → {finding.advice}" if finding.advice else ""
            mark = MARKS[finding.verdict]
            print(
                f"  {mark} {finding.name:<9} {finding.verdict:<4} {finding.text}{advice}",
                flush=True,
            )
    failed = any(finding.verdict == "fail" for finding in findings)
    if args.json:
        print(json.dumps({"ok": not failed, "checks": [asdict(finding) for finding in findings]}))
    return 1 if failed else 0
