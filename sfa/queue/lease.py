"""Renew the worker's leases from a thread of its own, and notice when they are gone.

A thread, because an event loop that is busy must not look like a dead worker. Every ``lease / 5`` seconds one
statement renews them all and says which are still held and which jobs somebody cancelled. What is no longer held is
stopped. If no renewal has succeeded for four fifths of a lease, the keeper fences the worker: ``on_fence`` kills the
children before anybody else can be given their jobs.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable

from sfa.db import SyncSession
from sfa.errors import DatabaseUnavailable
from sfa.queue.attempt import Stop

log = logging.getLogger(__name__)


class LeaseKeeper:
    """The renewing thread of one worker.

    Options:
        lease: seconds a lease lasts.
        on_stop: called in the event loop with (job id, reason) when an attempt must end.
        on_fence: called in the thread; must kill every child, at once.
    """

    def __init__(
        self, dsn: str, worker: int, lease: float, *, on_stop: Callable[[int, Stop], None], on_fence: Callable[[], object]
    ) -> None:  # fmt: skip
        self._session = SyncSession(dsn, name="sfa-lease")
        self._worker = worker
        self._lease = lease
        self._on_stop = on_stop
        self._on_fence = on_fence
        self._held: set[int] = set()
        self._lock = threading.Lock()
        self._poke = threading.Event()
        self._ending = False
        self._renewed = time.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to renew."""
        self._loop = asyncio.get_running_loop()
        self._renewed = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; safe before `start` and twice."""
        self._ending = True
        self._poke.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._session.close()

    def hold(self, job: int) -> None:
        """Watch over a job that was just claimed."""
        with self._lock:
            self._held.add(job)

    def release(self, job: int) -> None:
        """Watch no longer: its attempt is being finished."""
        with self._lock:
            self._held.discard(job)

    def poke(self) -> None:
        """Renew now; cancellations are learned at once."""
        self._poke.set()

    def renew_once(self) -> None:
        """One renewal: stop what was cancelled and what is not ours any more."""
        with self._lock:
            before = set(self._held)
        began = time.monotonic()
        rows = self._session.all("lease_renew", worker=self._worker, lease=self._lease)
        self._renewed = began
        still = {row["job_id"] for row in rows}
        for row in rows:
            if row["cancel"]:
                self._tell(row["job_id"], Stop.CANCEL)
        for job in before - still:
            self._tell(job, Stop.LOST)

    def _tell(self, job: int, reason: Stop) -> None:
        with self._lock:
            if job not in self._held:
                return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._on_stop, job, reason)

    def _run(self) -> None:
        while not self._ending:
            try:
                self.renew_once()
            except DatabaseUnavailable:
                log.warning("the leases could not be renewed: the database is away")
            except Exception:
                log.exception("the leases could not be renewed")
            pause = self._lease / 5
            if time.monotonic() - self._renewed > self._lease * 0.2:
                pause = min(0.5, pause)
            if time.monotonic() - self._renewed > self._lease * 0.8:
                self._fence()
            self._poke.wait(pause)
            self._poke.clear()

    def _fence(self) -> None:
        with self._lock:
            held = set(self._held)
        if held:
            log.error(
                "no renewal for %.0f s: stopping %d jobs before their leases end",
                self._lease * 0.8,
                len(held),
            )
            self._on_fence()
            for job in held:
                self._tell(job, Stop.LOST)
