"""Take every job through the same pipeline: load, perform, classify, record.

``perform`` is the kind's own part: it lends a port, calls it, moves files, and returns a function that writes the
results. That function, the follow-up job and "completed" are one transaction, guarded by the attempt's token
(`sfa.queue.attempt.Attempt.finish`). Every other end is classified here, and only here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import procrastinate

from sfa import files, objects
from sfa.catalog import Kind
from sfa.db import Row, Session
from sfa.errors import (
    DatabaseUnavailable,
    InputError,
    Later,
    ObjectMissing,
    Refused,
    SfaError,
    StaleLease,
)
from sfa.jobs import standalone
from sfa.jobs.resources import Resources
from sfa.outcome import Cancelled, Completed, Failed, Lost, Outcome, Released, Retried
from sfa.ports.port import PortFailure
from sfa.ports.process import Process
from sfa.ports.spec import Clocks
from sfa.queue.attempt import Attempt, Record, Stop

log = logging.getLogger(__name__)
LISTEN_SECONDS = 1.0


@dataclass(slots=True)
class Run:
    """One attempt at work: the domain row, what the worker shares, and the way to report."""

    kind: Kind
    attempt: Attempt
    resources: Resources
    row: Row
    certificate: dict[str, Any] = field(default_factory=dict)
    stage: str = ""
    heard: int = 0
    """How much of its child's stderr has been taken over."""

    touched: list[str] = field(default_factory=list)
    """Keys that were written, or whose rows were replaced: looked at when the attempt has ended."""

    on_checkpoint: Callable[[Mapping[str, Any]], None] | None = None
    """Hears each checkpoint of the attempt's child, beside the database."""

    share: tuple[float, float] = (0.0, 100.0)
    """From which to which percent of the job the calls to come take it."""

    closing: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """What to do when the attempt has ended, however it did."""

    async def pin(self, *keys: str) -> None:
        """Keep objects of the store until the attempt has ended: to be called before they are written or named."""
        async with self.resources.db.session() as session:
            await objects.pin(session, keys, self.attempt.claimed.token)
        self.touched.extend(keys)

    async def settle(self) -> None:
        """Let go of what was pinned, and remove what no row needs: whatever the attempt's end was."""
        for action in self.closing:
            await action()
        if self.touched:
            keys, self.touched = self.touched, []
            async with self.resources.db.session() as session:
                await objects.unpin(session, self.attempt.claimed.token)
            await objects.sweep(self.resources.db, self.resources.store, keys)

    async def lock_track(self, session: Session) -> None:
        """Lock the track before the job's rows, in the order in which a DELETE of the track locks them."""
        await session.run("record_lock_track", id=self.row["track_id"])

    def progress(self, percent: float, stage: str) -> None:
        """Say how far the work is: 0..100 and a few words."""
        percent = min(100.0, max(0.0, percent))
        claimed = self.attempt.claimed
        if stage and stage != self.stage:
            self.stage = stage
            self.say(f"{datetime.now(UTC):%H:%M:%S} {stage}\n")
        self.resources.progress.put(claimed.job_id, claimed.token, percent, stage)

    def say(self, text: str) -> None:
        """Put words into the job's log, which its page shows as they come."""
        claimed = self.attempt.claimed
        self.resources.words.put(claimed.job_id, claimed.token, text)

    async def _listen(self, process: Process) -> None:
        """Take over what a child writes to stderr, until cancelled."""
        while True:
            await asyncio.sleep(LISTEN_SECONDS)
            self.say(process.stderr_since(self.heard))
            self.heard = process.stderr_bytes

    async def call(self, port: str, op: str, **args: Any) -> Mapping[str, Any]:
        """Have a port's child do ``op``; its result. Raises `PortFailure`.

        Its progress is the job's within `share`.
        What an earlier attempt's child sent as its last checkpoint comes back to it as ``resume``.
        """
        first, last = self.share

        def on_progress(percent: float, stage: str) -> None:
            self.progress(first + (last - first) * percent / 100, stage)

        job, token = self.attempt.claimed.job_id, self.attempt.claimed.token
        if resume := await self.resources.checkpoints.resume(job, token, port, op):
            args["resume"] = resume
        # What asks for a device runs there or nowhere: it is not handed on to the CPU.
        wanted = args.get("device", "auto")
        found = self.resources.devices(port)
        devices = [one for one in found if wanted in ("auto", one.partition(":")[0])] or ["cpu"]
        for device in devices:
            pool = await self.resources.pool(port, device)
            async with pool.lend() as child:
                child.job = job
                self.heard = child.process.stderr_bytes
                listener = asyncio.create_task(self._listen(child.process), name="stderr")
                hard = self.kind.hard_limit(
                    self.row.get("duration_ms"), self.row.get("model"), device
                )
                try:
                    result = await child.call(
                        op,
                        args,
                        clocks=Clocks(stall=self.kind.stall, hard=hard),
                        on_progress=on_progress,
                        on_checkpoint=lambda data: self._checkpoint(port, op, data),
                    )
                except PortFailure as failure:
                    if failure.kind != "resource" or device == devices[-1]:
                        raise
                    log.warning("job %s goes on without %s: %s", job, device, failure)
                except asyncio.CancelledError:
                    self.certificate |= child.certificate("the job was stopped")
                    raise
                else:
                    facts = child.certificate("done")
                    # The words of a child that did well are not its job's.
                    self.certificate |= {k: v for k, v in facts.items() if k != "stderr"}
                    return result
                finally:
                    child.job = None
                    listener.cancel()
                    self.say(child.process.stderr_since(self.heard))
        raise AssertionError("a port has a device")

    def _checkpoint(self, port: str, op: str, data: Mapping[str, Any]) -> None:
        claimed = self.attempt.claimed
        self.resources.checkpoints.put(claimed.job_id, claimed.token, port, op, data)
        if self.on_checkpoint is not None:
            self.on_checkpoint(data)


Perform = Callable[[Run], Awaitable[Record]]


async def run(context: procrastinate.JobContext, kind: Kind, perform: Perform, job_id: str) -> None:
    """Run one attempt of a job from its row to its verdict."""
    ours = "attempt" in context.additional_context
    if ours:
        attempt: Attempt = context.additional_context["attempt"]
        resources: Resources = context.additional_context["resources"]
    else:
        attempt, resources = await standalone.take(context)
    outcome = await _run(attempt, resources, kind, perform, job_id)
    if not ours and outcome is not None:
        standalone.verdict(attempt, outcome)


async def _run(
    attempt: Attempt, resources: Resources, kind: Kind, perform: Perform, job_id: str
) -> Outcome | None:
    """The pipeline; None where the lease was lost, so that there is no verdict to give."""
    running: Run | None = None
    record: Record | None = None
    try:
        running = Run(kind, attempt, resources, await _load(resources, kind, job_id))
        record = await perform(running)
        outcome: Outcome = Completed(running.certificate)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if attempt.stop_reason is None or task is None:
            raise
        task.uncancel()
        facts = running.certificate if running else {}
        cancelled = attempt.stop_reason is Stop.CANCEL
        outcome = Cancelled(facts) if cancelled else Released(certificate=facts)
        if attempt.stop_reason is Stop.LOST:
            # If the lease is there after all, the job goes back; if not, the token keeps this from doing harm.
            log.warning("job %s: %s", attempt.claimed.job_id, attempt.stop_reason.value)
    except Exception as error:
        # Its verdict is there: who stops it from here on comes too late, and would keep it from being written.
        attempt.ending()
        if isinstance(error, ObjectMissing) and running is not None:
            await _missed(running)
        outcome = classify(error)
        expected = isinstance(error, (SfaError, PortFailure))
        log.log(
            logging.INFO if isinstance(error, Later) else logging.ERROR if expected else logging.CRITICAL,
            "job %s (%s): %s", attempt.claimed.job_id, kind.name, str(error) or "waits for its next step",
            exc_info=None if expected else error,
        )  # fmt: skip
    finally:
        resources.progress.forget(attempt.claimed.job_id)
    attempt.ending()
    await resources.words.settle(attempt.claimed.job_id, attempt.claimed.token)
    if isinstance(outcome, Completed):
        resources.checkpoints.forget(attempt.claimed.job_id)
    else:
        # While the lease is still held: afterwards nobody may write one.
        await resources.checkpoints.settle(attempt.claimed.job_id)
    try:
        await attempt.finish(outcome, record, running.lock_track if running else None)
    except StaleLease:
        log.warning("job %s: the lease is gone, nothing was written", attempt.claimed.job_id)
        await _settle(running)
        return None
    except Exception as error:
        # The results were refused: nothing of them is written, so the attempt ends as a failed one.
        log.critical(
            "job %s: its results could not be written", attempt.claimed.job_id, exc_info=error
        )
        outcome = classify(error)
        await attempt.finish(outcome)
    await _settle(running)
    return outcome


async def _missed(running: Run) -> None:
    """If it is the track's own audio that is not there, write that down: it is offered for download again."""
    row, resources = running.row, running.resources
    if (key := row.get("audio_key")) and not await resources.store.exists(key):
        await files.tell(resources.db, [row["track_id"]], [key], [True])


async def _load(resources: Resources, kind: Kind, job_id: str) -> Row:
    while True:
        try:
            async with resources.db.session() as session:
                row = await session.one(f"record_{kind.name}", id=job_id)
        except DatabaseUnavailable:
            await asyncio.sleep(0.5)
            continue
        if row is None:
            raise InputError("the job's row is gone: its track was deleted")
        return row


def classify(error: Exception) -> Outcome:
    """Judge an error: whose fault it is, and whether trying again can help. Whether there are tries left the table says."""
    match error:
        case PortFailure(kind="start"):
            # A child that can't even start (a broken environment, say) is not this job's doing.
            return Released(str(error), 30.0, error.certificate)
        case Later(seconds=seconds):
            return Released(str(error) or None, seconds)
        case PortFailure(kind="crash"):
            return Lost(str(error), error.certificate)
        case PortFailure(kind="input"):
            return Failed(str(error), "input", error.certificate)
        case PortFailure(kind="resource" | "internal" | "timeout" as fault):
            certificate: Mapping[str, Any] = error.certificate
        case InputError() | ObjectMissing():
            return Failed(str(error), "input")
        case Refused():
            fault, certificate = "internal", {"constraint": error.constraint}
        case _:
            fault, certificate = "internal", {"exception": type(error).__name__}
    message = str(error) or type(error).__name__
    return Retried(message, fault, certificate=certificate)


async def _settle(running: Run | None) -> None:
    try:
        if running is not None:
            await running.settle()
    except (SfaError, OSError) as error:
        log.warning("could not clean up: %s", error)
