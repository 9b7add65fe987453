"""Behind a PgBouncer that lends a server connection for one transaction: nothing is kept, nothing is heard."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sfa.chaos.pooler import Pooler
from sfa.chaos.proxy import Proxy
from sfa.db import Database, SyncSession
from sfa.errors import DatabaseUnavailable
from sfa.notify import ALL, Listener
from sfa.postgres.throwaway import Throwaway


@pytest.fixture
def pooled(postgres: Throwaway, dsn: str, tmp_path: Path) -> Iterator[str]:
    """The test's own database, through a pooler."""
    if lack := Pooler.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(lack)
        pytest.skip(lack)
    name = dsn.rpartition("dbname=")[2]
    place = tmp_path / "pgbouncer"
    with contextlib.closing(Proxy(postgres.cluster.sockets / ".s.PGSQL.5432")) as proxy:
        tmp_path.chmod(0o755)
        for parent in tmp_path.parents[:2]:
            parent.chmod(0o755)
        with contextlib.closing(Pooler(place, proxy.port)) as pooler:
            yield pooler.dsn(name)


async def test_statements_go_through_again_and_again(pooled: str) -> None:
    """More often than it takes a driver to prepare them, on backends that have never heard of it."""
    database = Database(pooled, size=4)
    await database.open()
    try:

        async def ask() -> None:
            for _ in range(12):
                async with database.session() as session:
                    assert await session.one("queue_get", queue="analysis")

        await asyncio.gather(*(ask() for _ in range(6)))
    finally:
        await database.close()


def test_a_limit_on_statements_is_kept_and_not_left_to_others(pooled: str, dsn: str) -> None:
    session = SyncSession(pooled, timeout=0.2)
    try:
        assert session.all("queue_get", queue="analysis")
        with psycopg.connect(dsn) as blocker:
            blocker.execute("LOCK TABLE queues IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(DatabaseUnavailable):
                session.all("queue_get", queue="analysis")
        assert session.all("queue_get", queue="analysis")
    finally:
        session.close()
    with psycopg.connect(pooled, prepare_threshold=None) as other:
        assert other.execute("SHOW statement_timeout").fetchone() == ("0",)


async def test_a_listener_polls_and_leaves_no_listen_behind(pooled: str) -> None:
    listener = Listener(pooled, ["bell"])
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    listener.subscribe(lambda channel, payload: heard.put_nowait((channel, payload)))
    await listener.start()
    try:
        for _ in range(2):
            assert await asyncio.wait_for(heard.get(), 20) == ("bell", ALL)
    finally:
        await listener.stop()
    with psycopg.connect(pooled, prepare_threshold=None) as other:
        assert other.execute("SELECT pg_listening_channels()").fetchall() == []
