"""Be a worker of the queue "chaos": SFA's own worker process, with one more task and one more port.

Run by `sfa.chaos.scene` as ``python -m sfa.chaos.workshop``.
"""

from __future__ import annotations

import logging
import sys

from sfa import worker
from sfa.catalog import KINDS
from sfa.chaos.task import CHAOS, QUEUE
from sfa.config import Config
from sfa.jobs import resources
from sfa.lifetime import die_with_parent
from sfa.readiness import wait_for_schema


def equip() -> None:
    """One more kind of job, and the port that does it."""
    KINDS[QUEUE] = CHAOS
    resources.PROGRAMS["chaos"] = "sfa.chaos.child"


def main() -> int:
    """What ``bin/sfa worker`` does, for this queue."""
    die_with_parent()
    logging.basicConfig(format="%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s")
    logging.getLogger("sfa").setLevel(logging.INFO)
    equip()
    config = Config.load()
    wait_for_schema(config)
    return worker.main(config, QUEUE)


if __name__ == "__main__":
    sys.exit(main())
