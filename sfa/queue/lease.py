"""Renew the leases of what the worker runs, from a thread of its own, and notice when they are gone.

A thread, because an event loop that is busy must not look like a dead worker. Every ``lease / 5`` seconds one
statement renews the leases of the attempts that are alive here, by (job, token) and no others, so that one which
nobody works on runs out. What is no longer held is stopped, and so is what somebody cancelled. A second thread
watches the first: if no renewal has succeeded for four fifths of a lease, whatever the first one hangs in, the worker
is fenced: ``on_fence`` kills the children before anybody else can be given their jobs. Where neither thread runs (the
process is stopped) somebody outside must do that: ``on_alive`` says for how long from now nobody needs to.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from uuid import UUID

from sfa.db import SyncSession
from sfa.errors import DatabaseUnavailable
from sfa.queue.attempt import Stop

log = logging.getLogger(__name__)


class LeaseKeeper:
    """The renewing thread of one worker.

    Options:
        lease: seconds a lease lasts.
        on_stop: called in the event loop with (token, reason) when an attempt must end.
        on_fence: called in a thread; must kill every child, at once.
        on_alive: called in either thread with seconds: the children are in good hands for so long.
        on_gone: called in the event loop when the worker's own row is gone: it must register afresh.
    """

    def __init__(
        self, dsn: str, worker: int, lease: float, *, on_stop: Callable[[UUID, Stop], None],
        on_fence: Callable[[], object], on_gone: Callable[[], object] = lambda: None,
        on_alive: Callable[[float], object] = lambda _: None,
    ) -> None:  # fmt: skip
        self._session = SyncSession(dsn, name="sfa-lease", timeout=lease / 3)
        self._worker = worker
        self._lease = lease
        self._on_stop = on_stop
        self._on_fence = on_fence
        self._on_gone = on_gone
        self._on_alive = on_alive
        self._held: dict[UUID, int] = {}
        self._finishing: set[UUID] = set()
        self._lock = threading.Lock()
        self._poke = threading.Event()
        self._ending = threading.Event()
        self._renewed = time.monotonic()
        self._complained = -60.0
        self.pokes = 0
        """How often it was poked: whoever does not know of an attempt yet sees by it that something was told meanwhile."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to renew."""
        self._loop = asyncio.get_running_loop()
        self._renewed = time.monotonic()
        for target in (self._renew_forever, self._watch_forever):
            thread = threading.Thread(target=target, name=f"lease{target.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End the threads; safe before `start` and twice."""
        self._ending.set()
        self._poke.set()
        for thread in self._threads:
            thread.join(timeout=5)
        self._session.close()

    def hold(self, token: UUID, job: int) -> None:
        """Renew the lease of an attempt that was just begun, and watch over it."""
        with self._lock:
            self._held[token] = job

    def finishing(self, token: UUID) -> None:
        """Its end is being written: renew on, but the token alone decides from here."""
        with self._lock:
            self._finishing.add(token)

    def release(self, token: UUID) -> None:
        """The attempt is over."""
        with self._lock:
            self._held.pop(token, None)
            self._finishing.discard(token)

    def poke(self) -> None:
        """Renew now; cancellations are learned at once."""
        self.pokes += 1
        self._poke.set()

    def renew_once(self) -> None:
        """One renewal: stop what was cancelled and what is not ours any more."""
        with self._lock:
            before = dict(self._held)
        began = time.monotonic()
        told = self._session.all(
            "lease_renew", worker=self._worker, jobs=list(before.values()), tokens=list(before), lease=self._lease
        )  # fmt: skip
        self._renewed = began
        self._on_alive(self._lease * 0.9 - (time.monotonic() - began))
        self._complain(time.monotonic() - began)
        rows = [row for row in told if row["job_id"] is not None]
        if len(rows) == len(told):
            log.error("this worker's row is gone: somebody thought it dead")
            self._call(self._on_gone)
        for row in rows:
            if row["cancel"]:
                self._tell(row["token"], Stop.CANCEL)
        for token in before.keys() - {row["token"] for row in rows}:
            self._tell(token, Stop.LOST)

    def _complain(self, took: float) -> None:
        """Say it when a lease is too short for the way to the database: work would be fenced again and again."""
        if took > self._lease / 4 and time.monotonic() - self._complained > 60:
            self._complained = time.monotonic()
            log.warning(
                "renewing the leases took %.1f s, and they last %g s: a longer SFA_LEASE_SECONDS (20 times as long as "
                "a renewal takes) keeps a slow moment from stopping work", took, self._lease,
            )  # fmt: skip

    def fence_if_late(self) -> bool:
        """Stop everything if the leases are about to end; whether they are."""
        if time.monotonic() - self._renewed <= self._lease * 0.8:
            return False
        with self._lock:
            held = [token for token in self._held if token not in self._finishing]
        if held:
            log.error("no renewal for %.0f s: stopping %d attempts", self._lease * 0.8, len(held))
            # Told first: a child that is found killed then is a lost lease, not the job's own crash.
            for token in held:
                self._tell(token, Stop.LOST)
            self._on_fence()
        return True

    def _tell(self, token: UUID, reason: Stop) -> None:
        with self._lock:
            if token not in self._held or token in self._finishing:
                return
        self._call(self._on_stop, token, reason)

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def _renew_forever(self) -> None:
        while not self._ending.is_set():
            try:
                self.renew_once()
                # From one's beginning to the next one's, however long it took.
                pause = max(self._lease / 50, self._lease / 5 - (time.monotonic() - self._renewed))
            except DatabaseUnavailable:
                log.warning("the leases could not be renewed: the database is away")
                pause = 0.5
            except Exception:
                log.exception("the leases could not be renewed")
                pause = 0.5
            self._poke.wait(pause)
            self._poke.clear()

    def _watch_forever(self) -> None:
        while not self._ending.wait(self._lease / 20):
            if self.fence_if_late():
                self._on_alive(self._lease * 0.9)
                self._ending.wait(self._lease / 5)
