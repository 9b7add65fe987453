"""Hand a claimed job to its Procrastinate task, and see that its attempt ends whatever the task does.

The tasks of SFA's own kinds go through `sfa.jobs.runner`, which ends the attempt together with its results. Any
other task of the app knows nothing of attempts: its return or its exception is the verdict, and its own retry
strategy says whether to try again.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import procrastinate
from procrastinate.jobs import Job
from procrastinate.tasks import Task

from sfa.catalog import KINDS
from sfa.errors import StaleLease
from sfa.jobs.resources import Resources
from sfa.outcome import Cancelled, Completed, Failed, Outcome, Released, Retried
from sfa.queue.app import app
from sfa.queue.attempt import Attempt, Claimed, Stop

log = logging.getLogger(__name__)

# Asked of every job; the answer takes longer to find than an empty job to run.
_is_coroutine = functools.cache(inspect.iscoroutinefunction)


async def execute(attempt: Attempt, resources: Resources, queue: str, worker: str) -> None:
    """Run one attempt to its end."""
    claimed = attempt.claimed
    task = app.tasks.get(claimed.task_name)
    if task is None:
        known = ", ".join(sorted(app.tasks))
        await attempt.finish(
            Failed(f"there is no task {claimed.task_name!r}; known: {known}", "input")
        )
        return
    try:
        if claimed.task_name in KINDS:
            await task.func(_context(claimed, attempt, resources, queue, worker), **claimed.args)
        else:
            await _plain(
                task, attempt, lambda: _context(claimed, attempt, resources, queue, worker)
            )
    except StaleLease:
        log.warning("job %s: the lease is gone, nothing was written", claimed.job_id)
    except Exception as error:
        # Nothing may end without a verdict: arguments that don't fit the task, a mistake of ours.
        log.critical("job %s broke its pipeline", claimed.job_id, exc_info=error)
        await attempt.finish(Failed(f"{type(error).__name__}: {error}", "internal"))


def _context(
    claimed: Claimed, attempt: Attempt, resources: Resources, queue: str, worker: str
) -> procrastinate.JobContext:
    """What Procrastinate's own worker would hand to the task, and what ours need beside it."""
    job = Job(
        id=claimed.job_id,
        status="doing",
        queue=queue,
        priority=claimed.priority,
        lock=claimed.lock,
        queueing_lock=None,
        task_name=claimed.task_name,
        task_kwargs=claimed.args,
        attempts=claimed.attempts,
    )
    return procrastinate.JobContext(
        app=app,
        worker_name=worker,
        worker_queues=[queue],
        job=job,
        start_timestamp=time.time(),
        additional_context={"attempt": attempt, "resources": resources},
        abort_reason=lambda: None,
    )


async def _plain(
    task: Task[..., Any, ...], attempt: Attempt, context: Callable[[], procrastinate.JobContext]
) -> None:
    outcome: Outcome
    try:
        arguments = [context()] if task.pass_context else []
        if _is_coroutine(task.func):
            await task.func(*arguments, **attempt.claimed.args)
        else:
            await asyncio.to_thread(task.func, *arguments, **attempt.claimed.args)
        outcome = Completed()
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if attempt.stop_reason is None or current is None:
            raise
        current.uncancel()
        outcome = Cancelled() if attempt.stop_reason is Stop.CANCEL else Released()
    except Exception as error:  # noqa: BLE001 - whatever a task raises is its verdict
        message = str(error) or type(error).__name__
        again = task.get_retry_exception(error, context().job)
        at = again.retry_decision.retry_at if again else None
        seconds = max(0.0, (at - datetime.now(UTC)).total_seconds()) if at else 0.0
        outcome = Retried(message, "internal", seconds) if again else Failed(message, "internal")
    await attempt.finish(outcome)
