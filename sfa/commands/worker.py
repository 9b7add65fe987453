"""Run the worker of one queue until it is stopped; supervisord's programs `worker-*`."""

import argparse
import os

from sfa.config import Config
from sfa.lifetime import die_with_parent, supervisor
from sfa.readiness import wait_for_schema

QUEUES = ("download", "processing", "analysis", "default", "cloud")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("queue", choices=QUEUES, help="the queue to work on")


def main(config: Config, args: argparse.Namespace) -> int:
    if os.environ.get("SFA_SUPERVISED"):
        die_with_parent(parent=supervisor())
    wait_for_schema(config)
    from sfa import worker

    return worker.main(config, args.queue)
