"""Run the web server until it is stopped; supervisord's program `web`."""

import argparse
import os

from sfa.config import Config
from sfa.lifetime import die_with_parent, supervisor
from sfa.readiness import wait_for_schema


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def main(config: Config, args: argparse.Namespace) -> int:
    if os.environ.get("SFA_SUPERVISED"):
        die_with_parent(parent=supervisor())
    wait_for_schema(config)
    from sfa.web import server

    server.main(config)
    return 0
