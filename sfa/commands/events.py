"""Listen to supervisord's events, hold back what ends too often, bring back what it gave up; its program `events`."""

import argparse
import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sfa import alive
from sfa.config import Config
from sfa.db import SyncSession
from sfa.errors import SfaError
from sfa.lifetime import die_with_parent, supervisor
from sfa.postgres import dsn
from sfa.supervisord import Supervisord
from sfa.watchman import MAX_RESTARTS, WINDOW, Watchman

log = logging.getLogger(__name__)


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def main(config: Config, args: argparse.Namespace) -> int:
    if os.environ.get("SFA_SUPERVISED"):
        die_with_parent(parent=supervisor())
    if "SUPERVISOR_SERVER_URL" not in os.environ:
        print("sfa: `events` is supervisord's program; it is not run by hand", file=sys.stderr)
        return 2
    watchman = Watchman(Supervisord(), config.var / "run" / "incidents.json")
    session: SyncSession | None = None
    for name, payload in events(sys.stdin.buffer, sys.stdout.buffer):
        try:
            watchman.event(name, payload)
            rows = watchman.tick()
            if session is None:
                session = SyncSession(dsn(config), name="sfa-events", timeout=3)
            write(session, watchman, rows)
        except SfaError as error:
            # Away, without a schema yet, or shutting down: the incidents wait in their file.
            log.debug("nothing written: %s", error)
    return 0


def events(source: BinaryIO, sink: BinaryIO) -> Iterator[tuple[str, dict[str, str]]]:
    """Speak supervisord's listener protocol; each event is acknowledged before it is dealt with."""
    while True:
        sink.write(b"READY\n")
        sink.flush()
        header = _pairs(source.readline().decode())
        if "len" not in header:
            return
        payload = _pairs(source.read(int(header["len"])).decode("utf-8", "replace"))
        sink.write(b"RESULT 2\nOK")
        sink.flush()
        yield header["eventname"], payload


def write(session: SyncSession, watchman: Watchman, rows: list[dict[str, object]]) -> None:
    """Bring the tables up to date; `DatabaseUnavailable` where that can't be done now."""
    host = socket.gethostname()
    batch = list(watchman.incidents)
    if batch:
        session.run("incident_add", host=host, incidents=json.dumps(batch))
        watchman.written(len(batch))
    for row in rows:
        row["rss"] = _resident(row["pid"])
    # Whoever runs on this host and is dead is buried here: a worker that is held back buries nobody.
    if found := alive.dead(session.all("worker_here", host_key=alive.host_key())):
        session.run("worker_bury", workers=found)
    session.run(
        "program_report", host=host, programs=json.dumps(rows), max_restarts=MAX_RESTARTS, window_seconds=WINDOW
    )  # fmt: skip


def _resident(pid: object) -> int | None:
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _pairs(text: str) -> dict[str, str]:
    return dict(word.split(":", 1) for word in text.split() if ":" in word)
