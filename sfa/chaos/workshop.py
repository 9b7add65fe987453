"""Be a worker of the queue "chaos" (or SFA_CHAOS_QUEUE): SFA's own worker process, with two more tasks and a port.

Run by `sfa.chaos.scene` as ``python -m sfa.chaos.workshop``.
"""

from __future__ import annotations

import logging
import os
import sys

from sfa import worker
from sfa.catalog import KINDS
from sfa.chaos.task import BESIDE, CHAOS, QUEUE
from sfa.config import Config
from sfa.jobs import resources
from sfa.lifetime import die_with_parent
from sfa.readiness import wait_for_schema


def equip() -> None:
    """Two more kinds of job, and the port that does them."""
    KINDS[QUEUE] = KINDS[BESIDE] = CHAOS
    resources.PROGRAMS["chaos"] = "sfa.chaos.child"


def main() -> int:
    """What ``bin/sfa worker`` does, for this queue."""
    die_with_parent()
    logging.basicConfig(format="%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s")
    logging.getLogger("sfa").setLevel(logging.INFO)
    equip()
    config = Config.load()
    wait_for_schema(config)
    return worker.main(config, os.environ.get("SFA_CHAOS_QUEUE", QUEUE))


if __name__ == "__main__":
    sys.exit(main())
