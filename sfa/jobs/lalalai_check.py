"""What is done at lalal.ai beside the jobs: one check for all of an account's open tasks, cancelling, forgetting.

The check runs for all hosts (its lock sees to that), asks for up to 100 tasks at a time, less than 20 times a minute,
writes what it heard, wakes the jobs whose tasks have ended, and enqueues the next one: every 4 s while a task is
young, every 20 s later. It holds no slot in between. One that fails is retried with a growing pause.
"""

from __future__ import annotations

import json
import logging
import random
from typing import Any
from uuid import UUID

import procrastinate
from procrastinate.jobs import Job

from sfa.errors import InputError, Later, SfaError
from sfa.jobs import standalone
from sfa.jobs.lalalai_account import find
from sfa.queue.app import app

log = logging.getLogger(__name__)

STATUSES = frozenset({"progress", "success", "error", "cancelled", "server_error"})


class Patiently(procrastinate.BaseRetryStrategy):
    """Try again 30 s later, then twice as late each time up to 600 s, ±20 %; a day's worth of it. Not what is refused."""

    def get_retry_decision(
        self, *, exception: BaseException, job: Job
    ) -> procrastinate.RetryDecision | None:
        """Procrastinate's question; None: no retry."""
        if isinstance(exception, InputError) or job.attempts >= 150:
            return None
        seconds = min(600.0, 30.0 * 2.0 ** min(job.attempts, 5)) * random.uniform(0.8, 1.2)  # noqa: S311
        return procrastinate.RetryDecision(retry_in={"seconds": round(seconds)})


@app.task(name="lalalai_check", queue="cloud", pass_context=True, retry=Patiently())
async def lalalai_check(
    context: procrastinate.JobContext, account: str, user_id: int | None
) -> None:
    """Ask once for every open task of the account."""
    resources = await standalone.shared(context)
    async with resources.db.session() as session:
        licence = await find(session, resources.config, user_id, account)
        turn = await session.one("cloud_turn", account=account)
        ids: list[UUID] = turn["ids"] if turn else []
    answers: list[dict[str, Any]] = []
    pause: float | None = None
    if ids:
        async with licence.open() as api:
            try:
                told = await api.check(ids)
                answers = [_answer(task, told.get(str(task))) for task in ids]
            except Later as later:
                pause = later.seconds
                log.warning("%s", later)
    async with resources.db.session() as session:
        await session.one(
            "cloud_checked", account=account, user_id=user_id, answers=json.dumps(answers), pause=pause
        )  # fmt: skip


@app.task(name="lalalai_cancel", queue="cloud", pass_context=True, retry=Patiently())
async def lalalai_cancel(
    context: procrastinate.JobContext, account: str, user_id: int | None, task_id: str
) -> None:
    """Stop a task there whose job was cancelled here; one that does not run any more is no error."""
    resources = await standalone.shared(context)
    async with resources.db.session() as session:
        licence = await find(session, resources.config, user_id, account)
    async with licence.open() as api:
        await api.cancel([UUID(task_id)])
    ended = {"task_id": task_id, "status": "cancelled", "progress": 0, "answer": None}
    async with resources.db.session() as session:
        await session.one(
            "cloud_checked", account=account, user_id=user_id, answers=json.dumps([ended]), pause=None
        )  # fmt: skip


@app.task(name="lalalai_forget", queue="cloud", pass_context=True, retry=Patiently())
async def lalalai_forget(
    context: procrastinate.JobContext, account: str, user_id: int | None, source_id: str
) -> None:
    """Remove an upload there whose track was deleted here; its tasks stop with it."""
    resources = await standalone.shared(context)
    async with resources.db.session() as session:
        licence = await find(session, resources.config, user_id, account)
    async with licence.open() as api:
        try:
            await api.delete(UUID(source_id))
        except SfaError as error:
            if not isinstance(error, InputError):
                raise
            log.info("the upload was not there any more: %s", error)
    async with resources.db.session() as session:
        await session.run("cloud_source_drop", source=UUID(source_id))


@app.task(name="lalalai_voices", queue="cloud", pass_context=True, retry=Patiently())
async def lalalai_voices(context: procrastinate.JobContext, user_id: int | None) -> None:
    """Read the voice packs of a user's own account."""
    resources = await standalone.shared(context)
    async with resources.db.session() as session:
        licence = await find(session, resources.config, user_id)
    async with licence.open() as api:
        packs = await api.voice_packs()
    async with resources.db.session() as session:
        await session.run("voice_packs_refresh", user_id=user_id, packs=json.dumps(packs))


def _answer(task: UUID, told: dict[str, Any] | None) -> dict[str, Any]:
    """What the check said of a task, as the table has it."""
    if told is None:
        return {"task_id": str(task), "status": "unknown", "progress": 0, "answer": None}
    status = str(told.get("status"))
    if status not in STATUSES:
        status = "server_error"
    kept = {name: told[name] for name in ("result", "error") if name in told}
    return {
        "task_id": str(task), "status": status, "progress": float(told.get("progress") or 0), "answer": kept,
    }  # fmt: skip
