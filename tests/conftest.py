"""Real PostgreSQL for every test that asks: one throw-away server a test process, a database a test.

`dsn` is a fresh, migrated database (a copy of a template, about 40 ms), `database` an open pool on it,
`config` a configuration whose state lies in the test's own folder. With xdist each process has a server.
"""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from sfa.config import Config
from sfa.db import Database
from sfa.migrations import migrate
from sfa.postgres.cluster import ROLE
from sfa.postgres.throwaway import Throwaway

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Throwaway]:
    """A running server with an empty database `sfa`."""
    server = Throwaway()
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def template(postgres: Throwaway) -> str:
    """The name of a migrated database that nobody is connected to."""
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_sfa")
    migrate(f"{postgres.dsn} dbname=template_sfa")
    with psycopg.connect(f"{postgres.dsn} dbname=template_sfa", autocommit=True) as connection:
        # No test shall depend on the minute in which it runs.
        connection.execute("UPDATE schedules SET paused = true")
    return "template_sfa"


@pytest.fixture
def empty_dsn(postgres: Throwaway) -> Iterator[str]:
    """The address of a database without a schema."""
    yield from _database(postgres, "template1")


@pytest.fixture
def dsn(postgres: Throwaway, template: str) -> Iterator[str]:
    """The address of a migrated database of the test's own."""
    yield from _database(postgres, template)


def _database(postgres: Throwaway, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    # As the superuser: nobody else may end the autovacuum worker that is in the database when it is dropped.
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {ROLE}".encode())
        try:
            yield f"{postgres.dsn} dbname={name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """An open pool on the test's own database."""
    pool = Database(dsn)
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


@pytest.fixture
def config(dsn: str, tmp_path: Path) -> Config:
    """A configuration whose state lies in the test's folder and whose database is its own."""
    return Config(var=tmp_path / "var", database_url=dsn)
