"""Run the embedded PostgreSQL in this process; supervisord's program `postgres`.

Makes the cluster first if there is none. With DATABASE_URL set it exits with 78: not needed.
"""

import argparse
import logging
import os
import time

from sfa.config import Config
from sfa.lifetime import supervisor
from sfa.postgres.cluster import Cluster

log = logging.getLogger(__name__)

NOT_NEEDED = 78
# supervisord takes an exit within `startsecs` for a failed start, whatever the exit code.
START_SECONDS = 2.0


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def main(config: Config, args: argparse.Namespace) -> int:
    if not config.database_url:
        parent = supervisor() if os.environ.get("SFA_SUPERVISED") else os.getppid()
        Cluster.of(config.var, config.postgres_user).become(parent)
    log.info("DATABASE_URL points to another database: the embedded one is not started")
    time.sleep(START_SECONDS + 0.5)
    return NOT_NEEDED
