"""What happens between two steps of the worker loop: answers that get lost, stops that come too early or too late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from sfa.catalog import KINDS
from sfa.db import Database, Session
from sfa.errors import DatabaseUnavailable, ObjectMissing
from sfa.jobs import runner
from sfa.outcome import Completed, Released
from sfa.queue.attempt import Attempt, Claimed, Record, Stop
from sfa.queue.checkpoint import Checkpoints
from sfa.queue.claim import Consumer
from sfa.queue.completion import Completions
from sfa.queue.progress import ProgressWriter
from sfa.queue.schedule import Scheduler
from sfa.queue.words import Words
from tests.queue.test_keeper import Rig, rig

__all__ = ["rig"]


async def rows(rig: Rig, query: str, *values: object) -> list[dict[str, Any]]:
    async with rig.db.session() as session:
        return await (await session.connection.execute(query.encode(), values)).fetchall()


async def enqueue(rig: Rig, count: int = 1) -> None:
    await rows(
        rig,
        "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'default', 'x' FROM generate_series(1, %s) RETURNING 1",
        count,
    )


async def until(look: Callable[[], Any]) -> None:
    """Look again until it holds."""
    async with asyncio.timeout(60):
        while not await look():
            await asyncio.sleep(0.01)


async def blocked(rig: Rig, count: int) -> None:
    """So many sessions of the test's database wait for a lock."""
    query = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    async def look() -> bool:
        return bool((await rows(rig, query))[0]["n"] == count)

    await until(look)


class Crew:
    """A consumer whose jobs go on until they are stopped, and then are given back."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.began: list[UUID] = []
        self.consumer = Consumer(
            rig.db, rig.keeper, worker=rig.worker, queue="default", lease=9, execute=self.execute
        )

    async def execute(self, attempt: Attempt) -> None:
        self.began.append(attempt.claimed.token)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if attempt.stop_reason is None or task is None:
                raise
            task.uncancel()
            await attempt.finish(Released())


@pytest.fixture
async def crew(rig: Rig) -> AsyncIterator[Crew]:
    """It is drained in the end."""
    made = Crew(rig)
    yield made
    await made.consumer.drain(0)


def answers_lost(monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException) -> list[int]:
    """The first answer to a statement gets lost after it was committed."""
    lost: list[int] = []
    real = Session.all

    async def lossy(self: Session, statement: str, /, **parameters: Any) -> list[dict[str, Any]]:
        found = await real(self, statement, **parameters)
        if statement == name and found and not lost:
            lost.append(len(found))
            raise error
        return found

    monkeypatch.setattr(Session, "all", lossy)
    return lost


@pytest.mark.parametrize("error", [DatabaseUnavailable(), asyncio.CancelledError()])
async def test_jobs_whose_claims_answer_got_lost_are_claimed_again_and_cost_nothing(
    crew: Crew, rig: Rig, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    await enqueue(rig, 2)
    await rows(rig, "UPDATE queues SET concurrency = 3 WHERE name = 'default' RETURNING 1")
    lost = answers_lost(monkeypatch, "queue_claim", error)
    with pytest.raises(type(error)):
        await crew.consumer.run_once()
    assert lost == [2]
    assert crew.consumer.running == {}
    await enqueue(rig)
    await crew.consumer.run_once()
    await asyncio.sleep(0)
    assert len(crew.began) == 3
    held = await rows(rig, "SELECT token FROM leases")
    assert {row["token"] for row in held} == set(crew.began), "no other lease is left behind"
    assert await rows(rig, "SELECT verdict::text FROM attempts") == [{"verdict": "released"}] * 2
    # What runs is not given back when another answer gets lost.
    lost.clear()
    await enqueue(rig)
    await rows(rig, "UPDATE queues SET concurrency = 4 WHERE name = 'default' RETURNING 1")
    with pytest.raises(type(error)):
        await crew.consumer.run_once()
    await crew.consumer.run_once()
    await asyncio.sleep(0)
    assert len(crew.began) == 4
    assert len(crew.consumer.running) == 4


async def test_what_is_stopped_before_its_first_step_is_given_back(crew: Crew, rig: Rig) -> None:
    await enqueue(rig)
    loop, hold = asyncio.get_running_loop(), rig.keeper.hold

    def stopped_at_once(token: UUID, job: int) -> None:
        hold(token, job)
        # As the keeper's watching thread would, in the moment before the attempt's task is there.
        loop.call_soon(crew.consumer.stop_attempt, token, Stop.SHUTDOWN)

    rig.keeper.hold = stopped_at_once  # type: ignore[method-assign]
    await crew.consumer.run_once()
    await until(lambda: _none(crew))
    assert crew.began == []
    assert await rows(rig, "SELECT FROM leases") == []
    assert await rows(rig, "SELECT status::text, attempts FROM procrastinate_jobs") == [
        {"status": "todo", "attempts": 0}
    ]


async def _none(crew: Crew) -> bool:
    return not crew.consumer.running


async def test_a_claim_that_comes_after_the_drains_patience_begins_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = Crew(rig)
    crew.consumer._give_back = 0.01
    await enqueue(rig)
    claimed, go = asyncio.Event(), asyncio.Event()
    real = Session.all

    async def slow(self: Session, statement: str, /, **parameters: Any) -> list[dict[str, Any]]:
        found = await real(self, statement, **parameters)
        if statement == "queue_claim":
            claimed.set()
            await go.wait()
        return found

    monkeypatch.setattr(Session, "all", slow)
    claiming = asyncio.create_task(crew.consumer.run_once())
    await claimed.wait()
    await crew.consumer.drain(0)
    go.set()
    await claiming
    await until(lambda: _none(crew))
    assert crew.began == []
    assert await rows(rig, "SELECT status::text, attempts FROM procrastinate_jobs") == [
        {"status": "todo", "attempts": 0}
    ]
    assert await rows(rig, "SELECT FROM leases") == []


async def test_who_is_in_a_hurry_does_not_wait_for_a_claim_that_hangs(rig: Rig, dsn: str) -> None:
    consumer, hurry = Crew(rig).consumer, asyncio.Event()
    consumer._give_back = 3600
    await enqueue(rig)
    async with await psycopg.AsyncConnection.connect(dsn) as blocker:
        await blocker.execute("LOCK TABLE queues IN ACCESS EXCLUSIVE MODE")
        claiming = asyncio.create_task(consumer.run_once())
        await blocked(rig, 1)
        draining = asyncio.create_task(consumer.drain(3600, hurry))
        await asyncio.sleep(0)
        hurry.set()
        await asyncio.wait_for(draining, 30)
        claiming.cancel()
        await asyncio.gather(claiming, return_exceptions=True)


async def test_a_cancel_while_the_claims_answer_is_under_way_is_learned_at_once(
    crew: Crew, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enqueue(rig)
    real = Session.all

    async def cancelled(
        self: Session, statement: str, /, **parameters: Any
    ) -> list[dict[str, Any]]:
        found = await real(self, statement, **parameters)
        if statement == "queue_claim" and found:
            await self.connection.execute("SELECT sfa_cancel(id) FROM procrastinate_jobs")
            # The bell rings, the keeper renews what it knows, and goes to sleep again.
            rig.keeper.poke()
            rig.keeper._poke.clear()
        return found

    monkeypatch.setattr(Session, "all", cancelled)
    await crew.consumer.run_once()
    assert rig.keeper._poke.is_set()


async def test_the_leases_of_a_claim_that_took_long_are_renewed_at_once(
    crew: Crew, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enqueue(rig, 1)
    await crew.consumer.run_once()
    assert not rig.keeper._poke.is_set(), "a quick one's are not"
    await rows(rig, "UPDATE queues SET concurrency = 2 WHERE name = 'default' RETURNING 1")
    await enqueue(rig, 1)
    clock = iter([0.0, 2.0])
    monkeypatch.setattr("sfa.queue.claim.time", SimpleNamespace(monotonic=lambda: next(clock)))
    await crew.consumer.run_once()
    assert len(crew.consumer.running) == 2
    assert rig.keeper._poke.is_set()


async def test_a_renewal_and_a_batch_of_ends_do_not_deadlock(
    rig: Rig, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    claimed = [await rig.claim() for _ in range(3)]
    for one in claimed:
        rig.keeper.hold(one.token, one.job_id)
    completions = Completions(rig.db)
    async with await psycopg.AsyncConnection.connect(dsn) as blocker:
        await blocker.execute(
            "SELECT FROM leases WHERE job_id = %s FOR UPDATE", [claimed[1].job_id]
        )
        # The last that was claimed has ended first.
        ends = [
            asyncio.create_task(completions.put(one.job_id, one.token, None))
            for one in reversed(claimed)
        ]
        await blocked(rig, 1)
        renewing = asyncio.create_task(asyncio.to_thread(rig.keeper.renew_once))
        await blocked(rig, 2)
        await blocker.rollback()
    await asyncio.gather(renewing, *ends)
    assert "waiting for the database" not in caplog.text


async def test_last_words_that_are_being_written_are_waited_for(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed = await rig.claim()
    words, writing, go = Words(rig.db), asyncio.Event(), asyncio.Event()
    real = Session.run

    async def slow(self: Session, statement: str, /, **parameters: Any) -> int:
        if statement == "attempt_log":
            writing.set()
            await go.wait()
        return await real(self, statement, **parameters)

    monkeypatch.setattr(Session, "run", slow)
    words.put(claimed.job_id, claimed.token, "out of memory")
    service = asyncio.create_task(words.run())
    await writing.wait()
    settling = asyncio.create_task(words.settle(claimed.job_id, claimed.token))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not settling.done(), "its lease would be given up now"
    go.set()
    await settling
    service.cancel()
    await words.settle(claimed.job_id, claimed.token)
    assert await rows(rig, "SELECT words FROM job_logs") == [{"words": "out of memory"}]


async def test_nobody_is_reaped_when_the_databases_clock_has_jumped(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a machine's sleep: everybody's leases have ended, and everybody is alive."""
    now = 1000.0
    scheduler = Scheduler(rig.db, 3, rig.worker, clock=lambda: now)
    claimed = await rig.claim()
    assert await scheduler.reap_once() == 0
    # After a start of the server everybody has a lease's time anyway.
    await until(lambda: _old(rig))
    await rows(rig, "UPDATE leases SET expires_at = now() - interval '1 hour' RETURNING 1")
    await rows(rig, "UPDATE workers SET seen_at = now() - interval '2 days' RETURNING 1")
    # What the database's clock has gone on, this one's has not.
    now -= 3600
    assert await scheduler.reap_once() == 0
    assert "jumped" in caplog.text
    now += 2.9
    assert await scheduler.reap_once() == 0
    assert [row["token"] for row in await rows(rig, "SELECT token FROM leases")] == [claimed.token]
    now += 0.2
    assert await scheduler.reap_once() == 1, "whoever has not renewed by now is dead"
    assert caplog.text.count("jumped") == 1


async def _old(rig: Rig) -> bool:
    query = "SELECT pg_postmaster_start_time() < now() - interval '3 seconds' AS old"
    return bool((await rows(rig, query))[0]["old"])


async def test_a_job_that_is_stopped_while_its_failure_is_looked_into_ends_all_the_same(
    rig: Rig, database: Database
) -> None:
    made = await rows(
        rig,
        "WITH t AS (INSERT INTO tracks (title, audio_key) VALUES ('t', 'audio/t.wav') RETURNING id)"
        " INSERT INTO analysis_jobs (track_id) SELECT id FROM t RETURNING id",
    )
    [row] = await rows(
        rig, "SELECT * FROM sfa_claim_v1(%s, 'analysis', 1, '9 seconds')", rig.worker
    )
    attempt = Attempt(Claimed(**row), database, lambda _: None)
    looking, go = asyncio.Event(), asyncio.Event()

    async def exists(key: str) -> bool:
        looking.set()
        await go.wait()
        return bool(key)

    async def perform(_: runner.Run) -> Record:
        raise ObjectMissing("audio/t.wav")

    resources: Any = SimpleNamespace(
        db=database, store=SimpleNamespace(exists=exists), progress=ProgressWriter(database),
        words=Words(database), checkpoints=Checkpoints(database),
    )  # fmt: skip
    attempt.begin()
    task = asyncio.create_task(
        runner._run(attempt, resources, KINDS["analysis"], perform, str(made[0]["id"]))
    )
    await looking.wait()
    attempt.stop(Stop.CANCEL, task)
    go.set()
    await asyncio.gather(task, return_exceptions=True)
    assert await rows(rig, "SELECT FROM leases") == [], "it has a verdict"
    [job] = await rows(rig, "SELECT status::text FROM analysis_jobs")
    assert job["status"] in ("failed", "cancelled")


async def test_an_end_that_is_written_is_not_stopped(rig: Rig) -> None:
    claimed = await rig.claim()
    attempt = Attempt(claimed, rig.db, lambda _: None)
    attempt.begin()
    task = asyncio.create_task(attempt.finish(Completed()))
    await asyncio.sleep(0)
    attempt.stop(Stop.LOST, task)
    await task
    assert await rows(rig, "SELECT status::text FROM procrastinate_jobs") == [
        {"status": "succeeded"}
    ]
