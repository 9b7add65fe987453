"""Talk to PostgreSQL: the pool, the statements under ``sql/``, and the errors in our own words.

Every statement is a file, ``sql/queries/<name>.sql``, with named parameters (``%(id)s``); nothing else is
executed. `Session` runs them on one connection: outside of a transaction each statement commits by itself,
inside ``Database.transaction()`` all or nothing. Behind a pooler (PgBouncer in transaction mode) nothing is prepared
and no setting outlives its transaction.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row, tuple_row
from psycopg.types.json import set_json_dumps
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from sfa.config import HOME
from sfa.errors import DatabaseUnavailable, Refused, SfaError

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[Row]

# What a database that is away, restarting or overloaded looks like: worth trying again.
UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)


def sql_folder() -> Path:
    """The folder ``sql/``: beside the package in a checkout, inside of it in a wheel."""
    checkout = HOME / "sql"
    return checkout if checkout.is_dir() else Path(__file__).parent / "_sql"


@functools.cache
def statement(name: str) -> LiteralString:
    """The text of ``sql/queries/<name>.sql``."""
    return (sql_folder() / "queries" / f"{name}.sql").read_text()


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours, in this one place; the cause is kept."""
    try:
        yield
    except (
        psycopg.errors.IntegrityError,
        psycopg.errors.DataError,
        psycopg.errors.NoData,
    ) as error:
        diag = error.diag
        raise Refused(
            diag.message_primary or str(error), diag.constraint_name, diag.message_hint
        ) from error
    except psycopg.errors.RaiseException as error:
        raise Refused(
            error.diag.message_primary or str(error), None, error.diag.message_hint
        ) from error
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction) as error:
        raise SfaError(
            f"the database's schema is older than the program ({error.diag.message_primary}): run `bin/sfa migrate`"
        ) from error
    except (*UNAVAILABLE, psycopg.InternalError) as error:
        # Internal errors are the server's own troubles: a failover to read-only, a broken transaction.
        raise DatabaseUnavailable() from error


# A peer that is silently gone is noticed within seconds, not after the kernel's quarter of an hour.
LIVENESS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


# The pool's own warnings would be eight a second while a database is away; whoever waits for it says so himself.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
AGAIN_SECONDS = 0.25
"""Between two tries to reach a database that is away."""


async def is_pooled(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether a pooler stands between: it says another backend's number than the backend itself."""
    cursor = connection.cursor(row_factory=tuple_row)
    row = await (await cursor.execute(statement("session_backend"))).fetchone()
    return row != (connection.info.backend_pid,)


class Session:
    """Run named statements on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def all(self, name: str, /, **parameters: Any) -> list[Row]:
        """Every row of the statement."""
        with translated():
            cursor = await self.connection.execute(statement(name), parameters)
            return await cursor.fetchall()

    async def one(self, name: str, /, **parameters: Any) -> Row | None:
        """The first row of the statement, or None."""
        with translated():
            cursor = await self.connection.execute(statement(name), parameters)
            return await cursor.fetchone()

    async def run(self, name: str, /, **parameters: Any) -> int:
        """Execute the statement; the number of rows it touched."""
        with translated():
            cursor = await self.connection.execute(statement(name), parameters)
            return cursor.rowcount

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """All or nothing: a transaction, or within one a part of it that can fail alone."""
        async with self.connection.transaction():
            yield


class SyncSession:
    """One connection for a thread of its own: made when needed, made anew after it was lost.

    Options:
        timeout: seconds a statement may take (5).
    """

    def __init__(self, dsn: str, name: str = "sfa", timeout: float = 5.0) -> None:
        self._dsn = dsn
        self._name = name
        self._timeout = timeout
        self._connection: psycopg.Connection[Row] | None = None
        self._pooled = False

    def all(self, name: str, /, **parameters: Any) -> list[Row]:
        """Every row of the statement; `DatabaseUnavailable` within seconds if nobody answers."""
        return self._execute(name, parameters).fetchall()

    def run(self, name: str, /, **parameters: Any) -> int:
        """Execute the statement; the number of rows it touched."""
        return self._execute(name, parameters).rowcount

    def _execute(self, name: str, parameters: Row) -> psycopg.Cursor[Row]:
        with translated():
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.Connection[Row].connect(
                    self._dsn, autocommit=True, row_factory=dict_row, application_name=self._name,
                    **{**LIVENESS, "connect_timeout": 3},
                )  # fmt: skip
                self._begin(self._connection)
            try:
                if not self._pooled:
                    return self._connection.execute(statement(name), parameters)
                with self._connection.transaction():
                    self._connection.execute(statement("session_limit"), self._limit)
                    return self._connection.execute(statement(name), parameters)
            except UNAVAILABLE:
                self._connection.close()
                raise

    @property
    def _limit(self) -> Row:
        return {"ms": str(int(self._timeout * 1000))}

    def _begin(self, connection: psycopg.Connection[Row]) -> None:
        """Limit its statements: once and for all, or in each transaction where others will have it in between."""
        row = (
            connection.cursor(row_factory=tuple_row)
            .execute(statement("session_backend"))
            .fetchone()
        )
        self._pooled = row != (connection.info.backend_pid,)
        if self._pooled:
            connection.prepare_threshold = None
        else:
            connection.execute(statement("session_timeout"), self._limit)

    def close(self) -> None:
        """Close the connection; safe twice."""
        if self._connection is not None:
            self._connection.close()


class Database:
    """A pool of connections, opened with `open` and closed with `close`.

    Options:
        dsn: libpq address.
        size: most connections at a time (4).
        timeout: seconds to wait for one before `DatabaseUnavailable` (10).
        check: whether a connection is tried before it is lent (true): a round trip each time, which whoever
            tries again by himself can save.
        custom_plans: plan each statement for the values at hand (false): lists with many optional filters need it.
    """

    def __init__(
        self,
        dsn: str,
        *,
        size: int = 4,
        timeout: float = 10.0,
        name: str = "sfa",
        check: bool = True,
        custom_plans: bool = False,
    ) -> None:
        self.dsn = dsn
        self._pool = AsyncConnectionPool[Connection](
            dsn,
            open=False,
            min_size=1,
            max_size=size,
            timeout=timeout,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "application_name": name,
                **LIVENESS,
            },
            check=AsyncConnectionPool.check_connection if check else None,
            configure=self._configure,
            reconnect_timeout=0,
            reconnect_failed=self._failed,
        )
        self._custom_plans = custom_plans
        self._again: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the pool; connections are made when they are first needed."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection; safe before `open` and twice."""
        if self._again is not None:
            self._again.cancel()
        await self._pool.close()

    async def _configure(self, connection: Connection) -> None:
        if await is_pooled(connection):
            # Nothing is prepared, so that each statement is planned for its values anyway.
            connection.prepare_threshold = None
        elif self._custom_plans:
            await connection.execute(statement("session_plans"))

    def _failed(self, _: object) -> None:
        if self._again is None or self._again.done():
            self._again = asyncio.get_running_loop().create_task(
                self._reconnect(), name="reconnect"
            )

    async def _reconnect(self) -> None:
        """Ask for a connection until there is one.

        The pool tries only when it is asked for one, and whoever waits for a connection already asks no more.
        """
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            with suppress(*UNAVAILABLE):
                async with self._pool.connection(timeout=AGAIN_SECONDS):
                    return
            if self._pool.closed:
                return

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A connection on which each statement commits by itself."""
        with translated():
            async with self._pool.connection() as connection:
                yield Session(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """A connection inside one transaction: it commits at the end, an exception rolls it back."""
        async with self.session() as session, session.connection.transaction():
            yield session


def json_default(value: object) -> str:
    """NaN and infinity are not JSON: refuse them here, not in the server's error message."""
    import json

    return json.dumps(value, allow_nan=False, separators=(",", ":"))


set_json_dumps(json_default)
