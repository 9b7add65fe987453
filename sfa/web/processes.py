"""Restart and stop this host's programs through supervisord.

Only what the page itself does not stand on can be stopped: not the dashboard, not its database. The dashboard restarts by a
signal to itself (supervisord starts it again); the others are stopped and started from a thread, because a worker may take
a minute and a half to hand its jobs back. Limit: if the dashboard is killed in between, the program stays
stopped, and the page says so.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time

from sfa.errors import SfaError
from sfa.supervisord import POSTGRES, WEB, Supervisord

log = logging.getLogger(__name__)
VERBS = ("restart", "stop")
STAYS = (WEB, POSTGRES)
PATIENCE = 120.0
_tasks: set[asyncio.Task[None]] = set()


def steered_host(supervisord: Supervisord) -> str:
    """This host's name if its supervisord answers, else nothing. Blocks for some milliseconds."""
    return socket.gethostname() if supervisord.running() else ""


def begin(supervisord: Supervisord, name: str, verb: str) -> None:
    """Do it in the background; what comes of it shows in the tree."""
    task = asyncio.create_task(asyncio.to_thread(_steer, supervisord, name, verb), name=verb)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def _steer(supervisord: Supervisord, name: str, verb: str) -> None:
    try:
        if name == WEB:
            supervisord.signal_program(name, "TERM")
            return
        supervisord.stop_program(name)
        if verb == "restart":
            deadline = time.monotonic() + PATIENCE
            while supervisord.program(name).pid and time.monotonic() < deadline:
                time.sleep(0.1)
            supervisord.start_program(name)
    except SfaError as error:
        log.error("%s of %s failed: %s", verb, name, error)  # noqa: TRY400 - a refusal, not a traceback
