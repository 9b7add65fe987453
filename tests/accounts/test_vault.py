"""Secrets: encrypted at rest, bound to their owner and name, shown nowhere; keys that rotate under writers."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import logging
import pickle
import stat
from typing import Any

import psycopg
import pytest

from sfa.commands import keys as keys_command
from sfa.commands import secrets as secrets_command
from sfa.config import Config
from sfa.db import Database
from sfa.errors import ConfigError, InputError, Refused, SfaError
from sfa.keyring import Key, KeyMissing, SecretDamaged
from sfa.vault import Vault

NAME = "lalalai.key"
TEXT = "abc-öß-secret"


@pytest.fixture
def vault(config: Config) -> Vault:
    return Vault(config)


async def kept(database: Database) -> list[dict[str, Any]]:
    async with database.session() as session:
        cursor = await session.connection.execute("SELECT * FROM secrets ORDER BY name")
        return await cursor.fetchall()


async def test_a_secret_comes_back_to_its_owner_only(vault: Vault, database: Database) -> None:
    async with database.session() as session:
        await vault.put(session, 1, NAME, TEXT)
        await vault.put(session, None, NAME, "the installation's")
        mine, ours = await vault.get(session, 1, NAME), await vault.get(session, None, NAME)
        assert mine is not None
        assert ours is not None
        assert (mine.reveal(), ours.reveal()) == (TEXT, "the installation's")
        assert await vault.get(session, 1, "another") is None
        assert await vault.get(session, 2, NAME) is None
        assert [row["name"] for row in await vault.names(session, 1)] == [NAME]
        await vault.put(session, 1, NAME, "newer")
        newer = await vault.get(session, 1, NAME)
        assert newer is not None
        assert newer.reveal() == "newer"
        assert await vault.forget(session, 1, NAME)
        assert not await vault.forget(session, 1, NAME)
        assert await vault.get(session, 1, NAME) is None
        assert await vault.get(session, None, NAME) is not None


async def test_the_database_holds_nothing_readable_and_the_ring_is_private(
    vault: Vault, database: Database
) -> None:
    async with database.session() as session:
        await vault.put(session, 1, NAME, TEXT)
        await vault.put(session, 1, "twin", TEXT)
    rows = await kept(database)
    assert all(TEXT.encode() not in row["sealed"] for row in rows)
    assert rows[0]["sealed"] != rows[1]["sealed"], "the same text twice looks different"
    assert stat.S_IMODE(vault.ring.path.stat().st_mode) == 0o600
    assert vault.ring.read()[0].text not in str(rows)


async def test_a_row_that_was_moved_or_changed_does_not_open(
    vault: Vault, database: Database
) -> None:
    async with database.session() as session:
        other = await session.connection.execute(
            "INSERT INTO users (email) VALUES ('other@example.org') RETURNING id"
        )
        row = await other.fetchone()
        assert row is not None
        await vault.put(session, 1, NAME, TEXT)
        await session.connection.execute("UPDATE secrets SET user_id = %s", [row["id"]])
        with pytest.raises(SecretDamaged):
            await vault.get(session, row["id"], NAME)
        await session.connection.execute("UPDATE secrets SET user_id = 1, name = 'renamed'")
        with pytest.raises(SecretDamaged):
            await vault.get(session, 1, "renamed")
        await session.connection.execute(
            "UPDATE secrets SET name = %s, sealed = set_byte(sealed, 20, 255 - get_byte(sealed, 20))",
            [NAME],
        )
        with pytest.raises(SecretDamaged):
            await vault.get(session, 1, NAME)


async def test_it_is_shown_nowhere(
    vault: Vault, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with database.session() as session:
        await vault.put(session, 1, NAME, TEXT)
        secret = await vault.get(session, 1, NAME)
        logging.getLogger("test").warning("%s %r", secret, secret)
        with pytest.raises(TypeError):
            pickle.dumps(secret)
        with pytest.raises(Refused) as refused:
            await vault.put(session, 1, "Bad Name", TEXT)
    said = caplog.text + str(refused.value) + repr(refused.value) + repr(vault.ring.read())
    assert TEXT not in said
    assert vault.ring.read()[0].text not in said
    given = Config(keys=Key.new().text)
    assert given.keys not in repr(given)


@pytest.mark.parametrize("value", ["", "x" * 65_537, "a\x00b"])
async def test_what_is_no_secret_is_refused(vault: Vault, database: Database, value: str) -> None:
    async with database.session() as session:
        with pytest.raises(InputError):
            await vault.put(session, 1, NAME, value)


async def test_rotation_leaves_no_secret_with_an_old_key(vault: Vault, database: Database) -> None:
    async with database.session() as session:
        for number in range(5):
            await vault.put(session, 1, f"s{number}", f"text {number}")
    old = vault.ring.read()[0].id
    assert await vault.rotate(database) == 5
    new = [key.id for key in vault.ring.read()]
    assert len(new) == 1
    assert new[0] != old
    async with database.session() as session:
        secret = await vault.get(session, 1, "s3")
        assert secret is not None
        assert secret.reveal() == "text 3"
        assert await vault.keys(session) == [(new[0], 5, True)]


async def test_writers_and_readers_go_on_while_keys_rotate(
    vault: Vault, database: Database, config: Config
) -> None:
    """Whatever is written while three rotations run opens afterwards, and is sealed with the last key."""

    async def write(writer: int) -> None:
        for number in range(15):
            async with database.session() as session:
                await Vault(config).put(session, 1, f"w{writer}", f"{number}")
                secret = await Vault(config).get(session, 1, f"w{writer}")
            assert secret is not None
            assert secret.reveal() == f"{number}"

    async def rotate() -> None:
        for _ in range(3):
            await vault.rotate(database)

    async with database.session() as session:
        await vault.put(session, 1, "first", "text")
    await asyncio.gather(write(1), write(2), rotate())
    assert {row["key_id"] for row in await kept(database)} == {vault.ring.read()[0].id}


async def test_a_writer_waits_for_a_rotation_and_seals_with_its_key(
    vault: Vault, database: Database
) -> None:
    """Step by step: a rotation holds the lock, a writer comes, the key changes, the rotation ends."""

    async def put() -> None:
        async with database.session() as session:
            await vault.put(session, 1, "late", TEXT)

    async with database.session() as session:
        await vault.put(session, 1, NAME, TEXT)
    old = vault.ring.read()[0]
    async with database.transaction() as rotation:
        await rotation.one("secret_lock", exclusive=True)
        writer = asyncio.create_task(put())
        async with asyncio.timeout(60):
            while not await _waits(database) and not writer.done():
                await asyncio.sleep(0.01)
        assert not writer.done(), "it wrote while keys were rotated"
        vault.ring.add(Key.new())
        vault.ring.retire({old.id})
    await writer
    newest = vault.ring.read()[0].id
    late = next(row for row in await kept(database) if row["name"] == "late")
    assert late["key_id"] == newest != old.id


async def _waits(database: Database) -> bool:
    async with database.session() as session:
        cursor = await session.connection.execute(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        )
        return await cursor.fetchone() is not None


async def test_two_that_keep_the_first_secret_at_once_have_one_key(
    database: Database, config: Config
) -> None:
    async def put(number: int) -> None:
        async with database.session() as session:
            await Vault(config).put(session, 1, f"s{number}", "text")

    await asyncio.gather(*(put(number) for number in range(4)))
    assert len({row["key_id"] for row in await kept(database)}) == 1


async def test_a_host_without_the_key_says_so_and_makes_no_ring_of_its_own(
    vault: Vault, database: Database, config: Config
) -> None:
    async with database.session() as session:
        await vault.put(session, 1, NAME, TEXT)
        elsewhere = Vault(dataclasses.replace(config, var=config.var / "elsewhere"))
        with pytest.raises(KeyMissing, match="SFA_KEYS"):
            await elsewhere.get(session, 1, NAME)
        with pytest.raises(KeyMissing):
            await elsewhere.put(session, 1, "another", TEXT)
        assert not elsewhere.ring.path.exists()
        given = Vault(
            dataclasses.replace(config, var=config.var / "e", keys=vault.ring.read()[0].text)
        )
        secret = await given.get(session, 1, NAME)
        assert secret is not None
        assert secret.reveal() == TEXT


async def test_keys_from_the_setting_rotate_in_two_steps(
    database: Database, config: Config
) -> None:
    old, new = Key.new(), Key.new()
    async with database.session() as session:
        await Vault(dataclasses.replace(config, keys=old.text)).put(session, 1, NAME, TEXT)
    both = Vault(dataclasses.replace(config, keys=f"{new.text},{old.text}"))
    assert await both.rotate(database) == 1
    async with database.session() as session:
        secret = await Vault(dataclasses.replace(config, keys=new.text)).get(session, 1, NAME)
    assert secret is not None
    assert secret.reveal() == TEXT


def test_a_bad_ring_is_named_without_being_shown(config: Config) -> None:
    with pytest.raises(ConfigError) as wrong:
        Vault(dataclasses.replace(config, keys="hunter2-hunter2")).ring.read()
    assert "hunter2" not in str(wrong.value)


def test_the_commands(
    config: Config,
    dsn: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from argparse import Namespace

    monkeypatch.setattr("sys.stdin", io.StringIO(f"{TEXT}\n"))
    assert secrets_command.main(config, Namespace(action="put", name=NAME)) == 0
    assert secrets_command.main(config, Namespace(action="list", name="")) == 0
    assert keys_command.main(config, Namespace(action="rotate")) == 0
    assert keys_command.main(config, Namespace(action="list")) == 0
    said = capsys.readouterr()
    assert NAME in said.out
    assert "1 secrets  seals" in said.out
    assert TEXT not in said.out + said.err
    assert secrets_command.main(config, Namespace(action="forget", name=NAME)) == 0
    with pytest.raises(SfaError, match="there is no secret"):
        secrets_command.main(config, Namespace(action="forget", name=NAME))
    with psycopg.connect(dsn) as connection:
        log = connection.execute(
            "SELECT actor, action, detail::text FROM audit_log ORDER BY id"
        ).fetchall()
    assert [(actor, action) for actor, action, _ in log] == [
        ("command line", action) for action in ("secret.put", "keys.rotate", "secret.forget")
    ]
    assert TEXT not in str(log)


def test_the_audit_log_is_appended_to_only(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO audit_log (actor, action) VALUES ('me', 'a.b')")
        for statement in ("UPDATE audit_log SET actor = 'you'", "DELETE FROM audit_log"):
            with pytest.raises(psycopg.errors.CheckViolation, match="audit_log_append_only"):
                connection.execute(statement.encode())
        connection.execute(
            "INSERT INTO audit_log (actor, action, at) VALUES ('me', 'a.b', now() - interval '2 years')"
        )
        connection.execute("DELETE FROM audit_log WHERE at < now() - interval '1 year'")
