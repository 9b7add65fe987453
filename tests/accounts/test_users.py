"""`bin/sfa users`: what an administrator does without a browser."""

from __future__ import annotations

import asyncio
import re
from argparse import Namespace
from collections.abc import Awaitable

import psycopg
import pytest

from sfa.accounts import NoSuchUser, Visit, digest, new_sign_in, redeem, session_user, token_user
from sfa.commands import users
from sfa.config import Config
from sfa.db import Database, Session
from sfa.errors import SfaError
from sfa.users import CHUNK, LastAdministrator, readmit, set_role, suspend

WHO = "singer@example.org"


def run(config: Config, action: str, address: str = "", new: str = "") -> None:
    assert users.main(config, Namespace(action=action, address=address, new=new)) == 0


def test_a_user_s_life(config: Config, dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(config, "add", WHO)
    assert re.search(r"http://127.0.0.1:4000/sign-in/[\w-]{43}\n", capsys.readouterr().out)
    run(config, "admin", WHO.upper())
    run(config, "suspend", "owner@localhost")
    run(config, "readmit", "owner@localhost")
    run(config, "email", WHO, "diva@example.org")
    run(config, "user", "diva@example.org")
    run(config, "list")
    said = capsys.readouterr().out
    assert "diva@example.org" in said
    assert "never came in" not in said.splitlines()[-1], "who was given an address by hand has it"
    with psycopg.connect(dsn) as connection:
        log = connection.execute("SELECT action, target FROM audit_log ORDER BY id").fetchall()
    assert [action for action, _ in log] == [
        "user.add", "user.admin", "user.suspend", "user.readmit", "user.email", "user.user",
    ]  # fmt: skip


def test_what_cannot_be_done_says_why(config: Config) -> None:
    run(config, "add", WHO)
    for action, address, new, words in (
        ("suspend", "owner@localhost", "", "last administrator"),
        ("user", "owner@localhost", "", "last administrator"),
        ("suspend", "singre@example.org", "", "did you mean singer@example.org"),
        ("add", WHO.title(), "", "account already"),
        ("add", "nobody", "", "no e-mail address"),
        ("email", WHO, "owner@localhost", "account already"),
        ("email", WHO, "", "say the new address"),
        ("link", "", "", "say whom"),
    ):
        with pytest.raises(SfaError, match=words):
            run(config, action, address, new)
    run(config, "suspend", WHO)
    with pytest.raises(SfaError, match="suspended"):
        run(config, "link", WHO)


def test_the_list_has_no_end_of_its_own(
    config: Config, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO users (email) SELECT 'u' || n || '@example.org' FROM generate_series(1, %s) n",
            [2 * CHUNK + 3],
        )
    run(config, "list")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len({line.split()[0] for line in said}) == 2 * CHUNK + 4
    with pytest.raises(SfaError, match=f"did you mean u{2 * CHUNK + 3}@example.org"):
        run(config, "link", f"u{2 * CHUNK + 3}@exampel.org")


async def somebody(session: Session, email: str = WHO, role: str = "user") -> int:
    made = await session.one("user_add", email=email, role=role)
    assert made
    return int(made["id"])


async def waits(database: Database, what: Awaitable[object]) -> asyncio.Future[object]:
    """Begin it, and return once it waits for somebody's lock; if it never has to, it is done already."""
    future = asyncio.ensure_future(what)
    async with database.session() as session, asyncio.timeout(20):
        while not future.done():
            cursor = await session.connection.execute(
                "SELECT FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
            )
            if cursor.rowcount:
                break
    return future


async def test_who_is_readmitted_comes_in_anew(database: Database) -> None:
    async with database.transaction() as session:
        user = await somebody(session)
        cookie = await redeem(session, await new_sign_in(session, user))
        await session.run(
            "token_make",
            user_id=user,
            token_hash=digest("sfa_x"),
            name="x",
            scopes=["read"],
            days=9,
        )
        link = await new_sign_in(session, user)
        assert cookie
        assert await session_user(session, cookie)
        assert await token_user(session, "sfa_x", Visit())
        ended = await suspend(session, user)
        assert (ended.sessions, ended.tokens) == (1, 1)
        await readmit(session, user)
        assert await session_user(session, cookie) is None
        assert await token_user(session, "sfa_x", Visit()) is None
        assert await redeem(session, link) is None
        assert await redeem(session, await new_sign_in(session, user))


@pytest.mark.parametrize("act", ["suspend", "demote"])
async def test_two_administrators_who_end_each_other_leave_one(
    database: Database, act: str
) -> None:
    async with database.transaction() as session:
        other = await somebody(session, role="admin")

    async def end(user: int) -> object:
        async with database.transaction() as session:
            return await (
                suspend(session, user) if act == "suspend" else set_role(session, user, "user")
            )

    async with database.transaction() as session:
        await (suspend(session, other) if act == "suspend" else set_role(session, other, "user"))
        second = await waits(database, end(1))
        assert not second.done(), "the second must wait for the first"
    with pytest.raises(LastAdministrator):
        await second
    async with database.session() as session:
        assert await session.all("user_lock_admins") == [{"id": 1}]


@pytest.mark.parametrize("way", ["link", "password", "token", "new link"])
async def test_who_comes_in_while_he_is_suspended_keeps_nothing(
    database: Database, way: str
) -> None:
    async with database.transaction() as session:
        user = await somebody(session)
        await redeem(session, await new_sign_in(session, user))
        link = await new_sign_in(session, user)

    async def come() -> object:
        async with database.session() as session:
            if way == "link":
                return await redeem(session, link)
            if way == "password":
                return await session.one(
                    "session_start",
                    user_id=user,
                    session_hash=digest("s"),
                    address=None,
                    agent=None,
                )
            if way == "token":
                return await session.one(
                    "token_make",
                    user_id=user,
                    token_hash=digest("t"),
                    name="x",
                    scopes=["read"],
                    days=9,
                )
            try:
                return await new_sign_in(session, user)
            except NoSuchUser:
                return None

    async with database.transaction() as session:
        await suspend(session, user)
        coming = await waits(database, come())
        assert not coming.done(), "he must wait for what becomes of him"
    assert await coming is None
    async with database.session() as session:
        cursor = await session.connection.execute(
            "SELECT FROM user_tokens WHERE user_id = %s", [user]
        )
        assert cursor.rowcount == 0


async def test_of_two_browsers_that_open_a_link_at_once_one_gets_in(database: Database) -> None:
    async with database.transaction() as session:
        link = await new_sign_in(session, await somebody(session))

    async def second() -> object:
        async with database.session() as session:
            return await redeem(session, link)

    async with database.transaction() as session:
        first = await redeem(session, link)
        coming = await waits(database, second())
        assert not coming.done(), "the second must wait for what becomes of the first"
    assert first
    assert await coming is None
