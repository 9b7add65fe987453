"""Stop everything: the workers give their jobs back, then the web, then the database."""

import argparse
import time

from sfa.config import Config
from sfa.supervisord import Supervisord


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def main(config: Config, args: argparse.Namespace) -> int:
    supervisord = Supervisord()
    if not supervisord.running():
        print("Nothing is running.")
        return 0
    began = time.monotonic()
    supervisord.shutdown()
    print(f"Stopped in {time.monotonic() - began:.1f} s.")
    return 0
