"""Bring the database to the newest schema; safe at any time and from several hosts at once."""

import argparse

from sfa.config import Config
from sfa.migrations import migrate
from sfa.postgres import dsn


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def main(config: Config, args: argparse.Namespace) -> int:
    applied = migrate(dsn(config))
    print("\n".join(f"applied {name}" for name in applied) or "nothing to do")
    return 0
