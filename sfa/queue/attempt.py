"""Hold one attempt: its lease's token, why it is being stopped, and the one transaction that ends it."""

from __future__ import annotations

import asyncio
import enum
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, assert_never
from uuid import UUID

from sfa.db import Database, Session
from sfa.errors import DatabaseUnavailable, StaleLease
from sfa.outcome import Cancelled, Completed, Failed, Lost, Outcome, Released, Retried
from sfa.queue.completion import Completions

log = logging.getLogger(__name__)

Record = Callable[[Session], Awaitable[None]]


class Stop(enum.Enum):
    """Why a running attempt is being stopped."""

    CANCEL = "somebody cancelled the job"
    LOST = "the lease is gone"
    SHUTDOWN = "the worker is stopping"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job as it was claimed."""

    job_id: int
    token: UUID
    task_name: str
    args: dict[str, Any]
    attempts: int
    priority: int
    lock: str | None


class Attempt:
    """One attempt at one job.

    Options:
        on_finish: called with the token when its end begins to be written.
        complete: whether the queue row is ended as well; not where Procrastinate's own worker does that.
        completions: where a completion without results goes, to be written with others; None: it is written alone.

    Known once the attempt is finished: ``status``, what the queue row became or should become, and ``retry_in``, the seconds
    until it is tried again.
    """

    def __init__(
        self,
        claimed: Claimed,
        db: Database,
        on_finish: Callable[[UUID], None],
        *,
        complete: bool = True,
        completions: Completions | None = None,
    ) -> None:
        self.claimed = claimed
        self.status: str | None = None
        self.retry_in = 0.0
        self.stop_reason: Stop | None = None
        self._db = db
        self._begun = False
        self._finishing = False
        self._on_finish = on_finish
        self._complete = complete
        self._completions = completions

    def begin(self) -> bool:
        """The task's first step; False: the attempt was stopped before it, and is given back at once."""
        self._begun = True
        return self.stop_reason is None

    def stop(self, reason: Stop, task: asyncio.Task[Any]) -> None:
        """Cancel the attempt's task, once, unless its end is being written already.

        A task that is cancelled before its first step would never take it, and its job would be nobody's until its lease ends.
        """
        if self.stop_reason is None and not self._finishing:
            self.stop_reason = reason
            if self._begun:
                task.cancel()

    def ending(self) -> None:
        """From here on the token decides, not the lease keeper: an attempt that is being written is not "lost"."""
        if not self._finishing:
            self._finishing = True
            self._on_finish(self.claimed.token)

    async def finish(
        self, outcome: Outcome, record: Record | None = None, lock: Record | None = None
    ) -> None:
        """Write verdict, results and what follows in one transaction, or nothing: `StaleLease`.

        A database that is away is waited for: the work is done and shall not be lost for want of a connection.
        Where the answer to the commit got lost, the attempt's row says whether it was done. ``lock`` takes the
        row locks that must come before the job's own.
        """
        self.ending()
        parameters = self._parameters(outcome)
        if (
            self._completions
            and isinstance(outcome, Completed)
            and record is None
            and self._complete
        ):
            await self._completions.put(
                self.claimed.job_id, self.claimed.token, parameters["certificate"]
            )
            return
        unsure = False
        pause = 0.1
        while True:
            try:
                # One statement is a transaction of its own; only results need a wider one.
                alone = record is None and lock is None
                async with self._db.session() if alone else self._db.transaction() as session:
                    if lock is not None:
                        await lock(session)
                    row = await session.one("attempt_finish", **parameters)
                    if row is None or not row["held"]:
                        if unsure and await self._was_written(session, parameters["verdict"]):
                            return
                        raise StaleLease
                    self.status, self.retry_in = row["next_status"], row["retry_in"] or 0.0
                    if record is not None:
                        await record(session)
                return
            except DatabaseUnavailable:
                unsure = True
                log.warning(
                    "job %s is done; waiting for the database to write it", self.claimed.job_id
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def _was_written(self, session: Session, verdict: str) -> bool:
        row = await session.one(
            "attempt_verdict", job=self.claimed.job_id, token=self.claimed.token
        )
        # A retry may be written as a cancellation, as a release (it was snoozed) or as a failure (the last attempt).
        turned = {"cancelled", "released"} | ({"failed"} if verdict == "retried" else set())
        return row is not None and row["verdict"] in {verdict} | turned

    def _parameters(self, outcome: Outcome) -> dict[str, Any]:
        error: str | None = None
        kind: str | None = None
        retry_in: float | None = 0.0
        certificate: dict[str, Any] = {}
        match outcome:
            case Completed(certificate=facts):
                verdict, certificate = "completed", dict(facts)
            case Failed(error=error, kind=kind, certificate=facts):
                verdict, certificate = "failed", dict(facts)
            case Retried(error=error, kind=kind, seconds=retry_in, certificate=facts):
                verdict, certificate = "retried", dict(facts)
            case Lost(error=error, certificate=facts):
                verdict, kind, certificate, retry_in = "lost", "crash", dict(facts), None
            case Cancelled(certificate=facts):
                verdict, certificate = "cancelled", dict(facts)
            case Released(error=error, seconds=retry_in, certificate=facts):
                verdict, kind, certificate = "released", "resource" if error else None, dict(facts)
            case _:
                assert_never(outcome)
        return {
            "job": self.claimed.job_id,
            "token": self.claimed.token,
            "verdict": verdict,
            "error": error,
            "error_kind": kind,
            "certificate": json.dumps(certificate) if certificate else None,
            "retry_in": retry_in,
            "complete": self._complete,
        }
