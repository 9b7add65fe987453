"""One LISTEN connection that is checked, re-made, and can always be stopped."""

from __future__ import annotations

import asyncio
import random

import psycopg
import pytest

from sfa.notify import ALL, Listener


class Ear:
    """What a subscriber heard, and a way to wait for it."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def __call__(self, channel: str, payload: str) -> None:
        self.heard.put_nowait((channel, payload))

    async def next(self) -> tuple[str, str]:
        return await asyncio.wait_for(self.heard.get(), 20)


async def test_it_hears_everything_again_after_its_connection_was_cut(dsn: str) -> None:
    listener, ear = Listener(dsn, ["bell"]), Ear()
    listener.subscribe(ear)
    await listener.start()
    try:
        assert await ear.next() == ("bell", ALL)
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
            await other.execute("NOTIFY bell, 'one'")
            assert await ear.next() == ("bell", "one")
            await other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sfa-listen' AND datname = current_database()"
            )
            assert await ear.next() == ("bell", ALL)
            await other.execute("NOTIFY bell, 'two'")
            assert await ear.next() == ("bell", "two")
    finally:
        await listener.stop()


async def test_a_quiet_connection_is_asked_whether_it_lives(dsn: str) -> None:
    listener, ear = Listener(dsn, ["bell"], check=0.05), Ear()
    listener.subscribe(ear)
    await listener.start()
    try:
        await ear.next()
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
            async with asyncio.timeout(20):
                while True:
                    row = await (
                        await other.execute(
                            "SELECT query FROM pg_stat_activity WHERE application_name = 'sfa-listen' AND datname = current_database()"
                        )
                    ).fetchone()
                    if row and row[0] == "SELECT 1":
                        break
            await other.execute("NOTIFY bell, 'still here'")
        assert await ear.next() == ("bell", "still here")
    finally:
        await listener.stop()


async def test_stop_ends_it_at_any_moment_and_twice(dsn: str) -> None:
    for _ in range(40):
        listener = Listener(dsn, ["bell"], check=0.01)
        await listener.start()
        # Some turns of the loop later: in the middle of connecting, listening or checking.
        for _ in range(random.randrange(40)):
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await listener.stop()
        await listener.stop()


async def test_a_subscriber_that_fails_harms_nobody_else(
    dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_channel: str, _payload: str) -> None:
        raise RuntimeError("broken subscriber")

    caplog.set_level("ERROR", "sfa.notify")
    listener, ear = Listener(dsn, ["bell"]), Ear()
    listener.subscribe(broken)
    listener.subscribe(ear)
    await listener.start()
    try:
        assert await ear.next() == ("bell", ALL)
    finally:
        await listener.stop()
    assert "broken subscriber" in caplog.text
