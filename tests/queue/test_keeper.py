"""The lease keeper and the consumer against a database that goes away at the worst moments."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from sfa.chaos.proxy import Proxy
from sfa.db import Database, Session
from sfa.errors import DatabaseUnavailable, StaleLease
from sfa.outcome import Completed, Released
from sfa.postgres.cluster import ROLE
from sfa.postgres.throwaway import Throwaway
from sfa.queue.attempt import Attempt, Claimed, Stop
from sfa.queue.claim import Consumer
from sfa.queue.lease import LeaseKeeper


class Rig:
    """A registered worker, its keeper (driven by hand) and what they were told to do."""

    def __init__(self, db: Database, dsn: str, worker: int) -> None:
        self.db = db
        self.worker = worker
        self.stopped: list[tuple[UUID, Stop]] = []
        self.fenced = 0
        self.gone = 0
        self.promised: list[float] = []
        self.keeper = LeaseKeeper(
            dsn, worker, 9, on_stop=lambda token, why: self.stopped.append((token, why)),
            on_fence=self._fence, on_gone=self._gone, on_alive=self.promised.append,
        )  # fmt: skip
        self.keeper._loop = asyncio.get_running_loop()

    def _fence(self) -> None:
        self.fenced += 1

    def _gone(self) -> None:
        self.gone += 1

    async def told(self) -> list[tuple[UUID, Stop]]:
        await asyncio.sleep(0)  # call_soon_threadsafe
        return self.stopped

    async def claim(self) -> Claimed:
        async with self.db.session() as session:
            await session.connection.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('default', 'x')"
            )
            row = await session.one(
                "queue_claim",
                worker=self.worker,
                queue="default",
                slots=1,
                lease=9,
                running=0,
                writing=0,
            )
        assert row
        return Claimed(**row)


@pytest.fixture
async def rig(database: Database, dsn: str) -> AsyncIterator[Rig]:
    async with database.session() as session:
        row = await session.one(
            "worker_register",
            name="w",
            host="h",
            host_key="k",
            pid=1,
            pid_started=1,
            queue="default",
            lease=15,
        )
    assert row
    made = Rig(database, dsn, row["id"])
    yield made
    made.keeper.stop()


async def renew(rig: Rig) -> None:
    await asyncio.to_thread(rig.keeper.renew_once)


async def expiry(rig: Rig, token: UUID) -> Any:
    async with rig.db.session() as session:
        cursor = await session.connection.execute(
            "SELECT expires_at FROM leases WHERE token = %s", [token]
        )
        row = await cursor.fetchone()
    return row and row["expires_at"]


async def test_only_what_is_alive_here_is_renewed(rig: Rig) -> None:
    alive, orphan = await rig.claim(), await rig.claim()
    rig.keeper.hold(alive.token, alive.job_id)
    before = [await expiry(rig, alive.token), await expiry(rig, orphan.token)]
    await renew(rig)
    after = [await expiry(rig, alive.token), await expiry(rig, orphan.token)]
    assert after[0] > before[0]
    assert after[1] == before[1]


async def test_what_is_lost_or_cancelled_is_stopped_but_not_what_is_being_written(rig: Rig) -> None:
    mine, written = await rig.claim(), await rig.claim()
    lost = uuid.uuid4()
    for token, job in (
        (mine.token, mine.job_id),
        (written.token, written.job_id),
        (lost, mine.job_id),
    ):
        rig.keeper.hold(token, job)
    rig.keeper.finishing(written.token)
    async with rig.db.session() as session:
        await session.connection.execute("SELECT sfa_cancel(id) FROM procrastinate_jobs")
    await renew(rig)
    assert sorted(await rig.told(), key=str) == sorted(
        [(mine.token, Stop.CANCEL), (lost, Stop.LOST)], key=str
    )


async def test_a_late_renewal_fences_before_the_lease_ends(rig: Rig) -> None:
    claimed = await rig.claim()
    rig.keeper.hold(claimed.token, claimed.job_id)
    assert rig.keeper.fence_if_late() is False
    rig.keeper._renewed = time.monotonic() - 9 * 0.85
    assert rig.keeper.fence_if_late() is True
    assert rig.fenced == 1
    assert await rig.told() == [(claimed.token, Stop.LOST)]


async def test_each_renewal_promises_another_before_the_lease_ends(rig: Rig) -> None:
    await renew(rig)
    assert 0 < rig.promised[0] <= 9 * 0.9


async def test_a_worker_that_was_buried_notices(rig: Rig) -> None:
    async with rig.db.session() as session:
        await session.connection.execute("DELETE FROM procrastinate_workers")
    await renew(rig)
    await rig.told()
    assert rig.gone == 1


async def test_a_commit_whose_answer_got_lost_counts_as_done(rig: Rig) -> None:
    claimed = await rig.claim()
    attempt = Attempt(claimed, rig.db, lambda _: None)

    async def record(session: Session) -> None:
        """The first time, commit behind the caller's back and lose the connection."""
        if not seen:
            seen.append(True)
            await session.connection.execute("COMMIT")
            raise DatabaseUnavailable

    seen: list[bool] = []
    await attempt.finish(Completed(), record)
    assert seen == [True]


async def test_a_stale_attempt_is_not_taken_for_done(rig: Rig) -> None:
    claimed = await rig.claim()
    async with rig.db.session() as session:
        await session.connection.execute("UPDATE leases SET expires_at = now() - interval '1 s'")
        await session.connection.execute("SELECT sfa_reap_v1(interval '0')")
    with pytest.raises(StaleLease):
        await Attempt(claimed, rig.db, lambda _: None).finish(Completed())


async def test_draining_waits_for_a_claim_and_gives_back_what_runs(rig: Rig) -> None:
    started = asyncio.Event()

    async def execute(attempt: Attempt) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            await attempt.finish(Released())

    consumer = Consumer(
        rig.db, rig.keeper, worker=rig.worker, queue="default", lease=9, execute=execute
    )
    async with rig.db.session() as session:
        await session.connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'default', 'x' FROM generate_series(1, 2)"
        )
    claiming = asyncio.create_task(consumer.run_once())
    await asyncio.sleep(0)
    await consumer.drain(0)
    await claiming
    assert consumer.running == {}
    async with rig.db.session() as session:
        rows = await (
            await session.connection.execute(
                "SELECT status::text, attempts FROM procrastinate_jobs"
            )
        ).fetchall()
        leases = await (await session.connection.execute("SELECT FROM leases")).fetchall()
    assert rows == [{"status": "todo", "attempts": 0}] * 2
    assert leases == []


async def test_a_worker_may_run_a_job_again_that_it_still_runs_and_keeps_them_apart(
    rig: Rig,
) -> None:
    began: list[Attempt] = []
    ends: dict[UUID, asyncio.Event] = {}

    async def execute(attempt: Attempt) -> None:
        began.append(attempt)
        ends[attempt.claimed.token] = asyncio.Event()
        await ends[attempt.claimed.token].wait()

    consumer = Consumer(
        rig.db, rig.keeper, worker=rig.worker, queue="default", lease=9, execute=execute
    )
    async with rig.db.session() as session:
        await session.connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('default', 'x')"
        )
        await consumer.run_once()
        await asyncio.sleep(0)
        await session.connection.execute("UPDATE leases SET expires_at = now() - interval '1 s'")
        await session.connection.execute("SELECT sfa_reap_v1(interval '0')")
        await consumer.run_once()
        await asyncio.sleep(0)
    first, second = (attempt.claimed.token for attempt in began)
    assert first != second
    assert set(consumer.running) == {first, second}
    task = consumer.running[first][1]
    ends[first].set()
    await task
    await asyncio.sleep(0)
    assert set(consumer.running) == {second}
    ends[second].set()
    await consumer.running[second][1]


async def short_jobs(rig: Rig, count: int) -> None:
    """So many that wait, ten of which may run at a time."""
    async with rig.db.session() as session:
        await session.connection.execute(
            "UPDATE queues SET concurrency = 10 WHERE name = 'default'"
        )
        await session.connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'default', 'x' FROM generate_series(1, %s)",
            [count],
        )


async def written(rig: Rig, count: int) -> int:
    """Wait until so many attempts have ended; in how many transactions."""
    for _ in range(3000):
        async with rig.db.session() as session:
            row = await (
                await session.connection.execute(
                    "SELECT count(*) AS n, count(DISTINCT ended_at) AS batches FROM attempts"
                )
            ).fetchone()
        assert row is not None
        if row["n"] == count:
            return int(row["batches"])
        await asyncio.sleep(0.01)
    raise AssertionError("the ends were not written")


async def test_the_ends_of_two_large_claims_are_one_statement(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfa.queue.claim.GATHER_SECONDS", 60)
    await short_jobs(rig, 20)
    consumer = Consumer(
        rig.db, rig.keeper, worker=rig.worker, queue="default", lease=9,
        execute=lambda attempt: attempt.finish(Completed()),
    )  # fmt: skip
    running = asyncio.create_task(consumer.run())
    try:
        assert await written(rig, 20) == 1
    finally:
        running.cancel()


async def test_a_claim_that_hangs_keeps_no_end_from_being_written(rig: Rig, dsn: str) -> None:
    go = asyncio.Event()

    async def execute(attempt: Attempt) -> None:
        await go.wait()
        await attempt.finish(Completed())

    await short_jobs(rig, 20)
    consumer = Consumer(
        rig.db, rig.keeper, worker=rig.worker, queue="default", lease=9, execute=execute
    )
    await consumer.run_once()
    assert len(consumer.running) == 10
    async with await psycopg.AsyncConnection.connect(dsn) as blocker:
        await blocker.execute("LOCK TABLE queues IN ACCESS EXCLUSIVE MODE")
        running = asyncio.create_task(consumer.run())
        go.set()
        await written(rig, 10)
        await blocker.rollback()
    await written(rig, 20)
    running.cancel()


async def test_a_silent_server_does_not_hang_the_keeper(rig: Rig, dsn: str) -> None:
    """A statement that never answers ends by its own limit, so that the keeper gets to know it."""
    async with await psycopg.AsyncConnection.connect(dsn) as blocker:
        await blocker.execute("LOCK TABLE workers, procrastinate_workers IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailable):
            await asyncio.wait_for(renew(rig), 20)


async def test_who_is_in_a_hurry_waits_for_no_job(rig: Rig) -> None:
    started, hurry = asyncio.Event(), asyncio.Event()

    async def execute(attempt: Attempt) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            await attempt.finish(Released())

    consumer = Consumer(
        rig.db, rig.keeper, worker=rig.worker, queue="default", lease=9, execute=execute
    )
    async with rig.db.session() as session:
        await session.connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('default', 'x')"
        )
    await consumer.run_once()
    await started.wait()
    draining = asyncio.create_task(consumer.drain(3600, hurry))
    await asyncio.sleep(0)
    hurry.set()
    await asyncio.wait_for(draining, 60)
    assert consumer.running == {}


async def test_leases_too_short_for_the_way_are_told_once(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.keeper._complain(9 / 5)
    assert caplog.text == ""
    rig.keeper._complain(9 / 3)
    rig.keeper._complain(9 / 3)
    assert caplog.text.count("SFA_LEASE_SECONDS") == 1


async def test_who_waits_for_a_database_has_it_as_soon_as_it_is_there(
    postgres: Throwaway, dsn: str
) -> None:
    """The pool itself tries when it is asked, and who waits for it already asks no more."""
    proxy = Proxy(postgres.cluster.sockets / ".s.PGSQL.5432")
    name = dsn.rpartition("dbname=")[2]
    database = Database(f"host=127.0.0.1 port={proxy.port} user={ROLE} dbname={name}", timeout=60)
    try:
        proxy.set("reset")
        await database.open()
        waiting = asyncio.create_task(_ask(database))
        async with asyncio.timeout(60):
            while database._again is None:
                await asyncio.sleep(0.01)
        proxy.set("pass")
        # Well before anybody's patience ends.
        await asyncio.wait_for(waiting, 30)
    finally:
        await database.close()
        proxy.close()


async def _ask(database: Database) -> None:
    async with database.session() as session:
        assert await session.one("queue_get", queue="analysis")
