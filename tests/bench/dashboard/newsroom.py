"""Be SFA's analysis worker with a child that only tells: a process of its own, as a worker is.

Run as ``python -m tests.bench.dashboard.newsroom``; the plan of a job (see `teller`) is the JSON in its track's title.
"""

from __future__ import annotations

import json
import sys

from sfa import worker
from sfa.config import Config
from sfa.db import Session
from sfa.jobs import analysis, resources
from sfa.jobs.runner import Run
from sfa.lifetime import die_with_parent
from sfa.queue.attempt import Record


async def perform(work: Run) -> Record:
    """Have the child tell; nothing comes of it."""
    await work.call("analyzer", "tell", **json.loads(work.row["title"]))

    async def record(_: Session) -> None:
        pass

    return record


if __name__ == "__main__":
    die_with_parent()
    analysis.perform = perform
    resources.PROGRAMS["analyzer"] = "tests.bench.dashboard.teller"
    sys.exit(worker.main(Config.load(), "analysis"))
