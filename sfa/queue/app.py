"""Hold Procrastinate's app: the registry of tasks, and what ``procrastinate --app=sfa.queue.app.app`` finds.

SFA's own worker takes the tasks from here and leaves the connector alone; the connector is for Procrastinate's
command line (``defer``, ``shell``).
"""

from __future__ import annotations

import procrastinate

from sfa.config import Config
from sfa.postgres import dsn

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=dsn(Config.load())),
    import_paths=[
        "sfa.jobs.analysis",
        "sfa.jobs.cleanup",
        "sfa.jobs.auto_cue",
        "sfa.jobs.covers",
        "sfa.jobs.download",
        "sfa.jobs.exports",
        "sfa.jobs.housekeeping",
        "sfa.jobs.imports",
        "sfa.jobs.lalalai",
        "sfa.jobs.lalalai_check",
        "sfa.jobs.mail",
        "sfa.jobs.news_mail",
        "sfa.jobs.processing",
        "sfa.jobs.rescue",
        "sfa.jobs.statistics",
    ],
)
