"""Run the jobs of one queue: the composition root of a worker process.

SIGTERM lets running jobs finish for ``drain_seconds`` (a second one: no longer), gives the rest back unharmed, and
exits 0. When a budget of restarts is used up the worker gives its jobs back and exits 70 for supervisord to start it
afresh. Killed outright, its children die with it, and its jobs run again as soon as a worker starts on the same host,
or when their leases end.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket

from procrastinate.utils import import_all

from sfa import alive
from sfa.config import Config
from sfa.db import Database
from sfa.errors import DatabaseUnavailable
from sfa.jobs.execute import execute
from sfa.jobs.resources import Resources, offers
from sfa.notify import Listener
from sfa.ports import kin
from sfa.ports.process import kill_all
from sfa.ports.supervisor import Service, Strategy, Supervisor
from sfa.postgres import dsn
from sfa.queue.app import app
from sfa.queue.claim import Consumer
from sfa.queue.lease import LeaseKeeper
from sfa.queue.schedule import Scheduler
from sfa.store import Store

log = logging.getLogger(__name__)

ESCALATED = 70
"""Exit code of a worker that gave up on itself."""


def main(config: Config, queue: str) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    kin.own()
    try:
        return asyncio.run(Worker(config, queue).run())
    finally:
        kin.dismiss_guard()


class Worker:
    """One worker process; see the module."""

    def __init__(self, config: Config, queue: str, *, address: str = "") -> None:
        self._config = config
        self._queue = queue
        self._dsn = address or dsn(config)
        self._name = f"worker-{queue}"
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()

    def stop(self) -> None:
        """Begin to end; from a signal or a test. Called again: wait for no job any more."""
        if self._stopping.is_set() and not self._hurry.is_set():
            log.info("told to stop again: what still runs is given back now")
            self._hurry.set()
        self._stopping.set()

    async def run(self) -> int:
        """Register, serve, drain, leave."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        config = self._config
        db = Database(self._dsn, name=self._name, size=4, check=False)
        await db.open()
        try:
            registered = await self._register(db)
            if registered is None:
                return 0
            worker, slots = registered
            store = Store(config.store_address, config.var / "cache")
            if swept := await asyncio.to_thread(store.sweep):
                log.info("removed %d leavings of killed processes", swept)
            return await self._serve(db, worker, slots, store)
        finally:
            await db.close()

    async def _serve(self, db: Database, worker: int, slots: int, store: Store) -> int:
        lease = self._config.lease_seconds
        supervisor = Supervisor(strategy=Strategy.REST_FOR_ONE)
        resources = Resources(
            self._config,
            db,
            store,
            name=self._name,
            slots=slots,
            on_escalate=lambda why: supervisor.escalate(why),
        )
        keeper = LeaseKeeper(
            self._dsn,
            worker,
            lease,
            on_stop=lambda token, why: consumer.stop_attempt(token, why),
            on_fence=kill_all,
            on_alive=kin.promise,
            on_gone=lambda: supervisor.escalate("this worker's row is gone; it registers afresh"),
        )
        consumer = Consumer(
            db,
            keeper,
            worker=worker,
            queue=self._queue,
            lease=lease,
            execute=lambda attempt: execute(attempt, resources, self._queue, self._name),
        )
        scheduler = Scheduler(db, lease, worker)
        listener = Listener(self._dsn, ["sfa_queue", "sfa_cancel"], name=f"{self._name}-listen")
        listener.subscribe(lambda channel, payload: self._woken(consumer, keeper, channel, payload))
        # In the order of need, on the database that is open already: what was started after the one that ends is
        # started anew with it, and all stop in reverse.
        supervisor.services += [
            Service(name="listener", start=listener.start, run=listener.join, stop=listener.stop),
            Service(name="progress", run=resources.progress.run),
            Service(name="words", run=resources.words.run),
            Service(name="checkpoints", run=resources.checkpoints.run),
            Service(name="diary", run=lambda: _tell(resources, worker, supervisor)),
            Service(
                name="consumer", start=lambda: resources.make_ready(self._queue), run=consumer.run
            ),
            Service(name="promoter", run=scheduler.promote_forever),
            Service(name="reaper", run=scheduler.reap_forever),
            Service(
                name="pools", stop=resources.close, shutdown=3 * self._config.grace_seconds + 5
            ),
        ]
        import_all(app.import_paths)
        keeper.start()
        serving = asyncio.create_task(supervisor.run(), name="supervisor")
        stopping = asyncio.create_task(self._stopping.wait(), name="stopping")
        log.info("%s runs %d jobs at a time", self._name, slots)
        code = 0
        try:
            await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                code = ESCALATED
                log.critical("giving up: %s", serving.exception() or "the supervisor returned")
            await consumer.drain(self._config.drain_seconds if code == 0 else 0, self._hurry)
        finally:
            serving.cancel()
            stopping.cancel()
            await asyncio.gather(serving, stopping, return_exceptions=True)
            await asyncio.to_thread(keeper.stop)
            try:
                async with asyncio.timeout(3), db.session() as session:
                    await session.run("worker_leave", worker=worker)
            except (DatabaseUnavailable, TimeoutError):
                log.warning("could not sign off: the database is away")
        return code

    def _woken(self, consumer: Consumer, keeper: LeaseKeeper, channel: str, payload: str) -> None:
        if payload in (self._queue, "*"):
            (keeper.poke if channel == "sfa_cancel" else consumer.wake)()

    async def _register(self, db: Database) -> tuple[int, int] | None:
        """Sign on, and bury what died on this very host; None if told to stop before the database answered."""
        host_key = alive.host_key()
        while not self._stopping.is_set():
            try:
                async with db.session() as session:
                    row = await session.one(
                        "worker_register", name=self._name, host=socket.gethostname(), host_key=host_key,
                        pid=os.getpid(), pid_started=alive.started(os.getpid()), queue=self._queue, lease=self._config.lease_seconds,
                    )  # fmt: skip
                    assert row is not None
                    worker = int(row["id"])
                    others = await session.all(
                        "worker_neighbours", host_key=host_key, worker=worker
                    )
                    if dead := alive.dead(others):
                        buried = await session.one("worker_bury", workers=dead)
                        log.warning(
                            "%d dead workers of this host; %s jobs run again",
                            len(dead),
                            buried and buried["lost"],
                        )
                    found = offers()
                    await session.run(
                        "resource_offer",
                        host=socket.gethostname(),
                        names=list(found),
                        amounts=list(found.values()),
                    )
                    settings = await session.one("queue_get", queue=self._queue)
                return worker, int(settings["concurrency"]) if settings else 1
            except DatabaseUnavailable:
                log.warning("waiting for the database")
                await asyncio.sleep(1)
        return None


async def _tell(resources: Resources, worker: int, supervisor: Supervisor) -> None:
    """Keep the rows about this worker's children true."""
    while True:
        await resources.write_events()
        await resources.report(worker, supervisor)
        await asyncio.sleep(1)
