"""Run SFA's tasks under Procrastinate's own worker, so that nobody is locked in.

That worker claims without a lease: the task takes the lease itself, has it renewed, and tells its verdict by the
means that worker knows: a return, an exception, a retry decision, an abort. Results are still written in one
transaction guarded by the token; the queue row is ended by that worker a moment later, so the two are not one
transaction. A deploy costs an attempt there. Prefer ``bin/sfa worker``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, assert_never
from uuid import UUID
from weakref import WeakKeyDictionary

import procrastinate
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job

from sfa.config import Config
from sfa.db import Database
from sfa.errors import SfaError, StaleLease
from sfa.jobs.resources import Resources
from sfa.outcome import Cancelled, Completed, Failed, Lost, Outcome, Released, Retried
from sfa.ports.process import kill_all
from sfa.postgres import dsn
from sfa.queue.attempt import Attempt, Claimed, Stop
from sfa.queue.lease import LeaseKeeper
from sfa.store import Store

NAME = "procrastinate"


class TryAgain(SfaError):
    """The attempt failed and is to be tried again."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Again(procrastinate.BaseRetryStrategy):
    """Retry what asks for it, when it asks for it."""

    def get_retry_decision(
        self,
        *,
        exception: BaseException,
        job: Job,  # noqa: ARG002 - Procrastinate's signature
    ) -> procrastinate.RetryDecision | None:
        """Procrastinate's question; None: no retry."""
        if isinstance(exception, TryAgain):
            return procrastinate.RetryDecision(
                retry_in={"seconds": max(1, round(exception.seconds))}
            )
        return None


@dataclass(slots=True)
class _Host:
    """What one event loop's worker shares between its jobs."""

    db: Database
    resources: Resources
    keeper: LeaseKeeper
    running: dict[UUID, tuple[Attempt, asyncio.Task[Any]]]

    def forget(self, token: UUID) -> None:
        """The attempt is over."""
        self.running.pop(token, None)
        self.keeper.release(token)


_hosts: WeakKeyDictionary[asyncio.AbstractEventLoop, _Host] = WeakKeyDictionary()


async def take(context: procrastinate.JobContext) -> tuple[Attempt, Resources]:
    """Take the lease of the context's job; `StaleLease` if somebody holds it."""
    job = context.job
    if job.id is None or job.worker_id is None:
        raise SfaError(
            "a job without a worker cannot be leased; run it by a worker of Procrastinate 3 or of SFA"
        )
    host = await _host(job.worker_id)
    config = host.resources.config
    async with host.db.session() as session:
        row = await session.one(
            "lease_take", job=job.id, worker=job.worker_id, name=NAME, lease=config.lease_seconds
        )
    if row is None or row["token"] is None:
        raise StaleLease
    claimed = Claimed(
        job.id, row["token"], job.task_name, job.task_kwargs, job.attempts, job.priority, job.lock
    )
    attempt = Attempt(claimed, host.db, host.keeper.finishing, complete=False)
    task = asyncio.current_task()
    if task is not None:
        host.running[claimed.token] = (attempt, task)
        task.add_done_callback(lambda _: host.forget(claimed.token))
    host.keeper.hold(claimed.token, job.id)
    return attempt, host.resources


async def shared(context: procrastinate.JobContext) -> Resources:
    """What the jobs of this process share, whoever's worker runs them."""
    if given := context.additional_context.get("resources"):
        assert isinstance(given, Resources)
        return given
    return (await _host(context.job.worker_id or 0)).resources


def verdict(attempt: Attempt, outcome: Outcome) -> None:
    """Tell Procrastinate's worker how the attempt ended: return, or raise what it understands."""
    match outcome:
        case Completed():
            return
        case Failed(error=error):
            raise SfaError(error)
        case Retried(error=error) | Lost(error=error):
            if attempt.status == "failed":
                raise SfaError(error)
            raise TryAgain(error, attempt.retry_in)
        case Cancelled():
            raise JobAborted
        case Released():
            raise TryAgain("the worker stopped", 0)
        case _:
            assert_never(outcome)


async def _host(worker: int) -> _Host:
    loop = asyncio.get_running_loop()
    if loop not in _hosts:
        config = Config.load()
        db = Database(dsn(config), name=NAME)
        await db.open()
        running: dict[UUID, tuple[Attempt, asyncio.Task[Any]]] = {}

        def stop(token: UUID, reason: Stop) -> None:
            if found := running.get(token):
                found[0].stop(reason, found[1])

        resources = Resources(
            config, db, Store(config.store_address, config.var / "cache"),
            name=NAME, slots=1, on_escalate=lambda _: None,
        )  # fmt: skip
        keeper = LeaseKeeper(
            dsn(config), worker, config.lease_seconds, on_stop=stop, on_fence=kill_all
        )
        keeper.start()
        _hosts[loop] = _Host(db, resources, keeper, running)
        # Kept by the loop itself: progress is written for as long as the worker runs.
        resources.background = loop.create_task(_write(resources), name="progress")
    return _hosts[loop]


async def _write(resources: Resources) -> None:
    await asyncio.gather(
        resources.progress.run(), resources.words.run(), resources.checkpoints.run()
    )
