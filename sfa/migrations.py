"""Bring a database to the newest schema: the numbered files of ``sql/migrations``, once each, in order.

All of them run in one transaction under an advisory lock, so that two hosts that start together don't collide and
a failure leaves the database as it was. A file that was applied and then edited is an error: migrations are
append-only. ``-- sfa:include procrastinate <version>`` stands for the schema in the installed Procrastinate.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import LiteralString

import procrastinate
import psycopg
from procrastinate.schema import SchemaManager

from sfa.db import sql_folder, translated
from sfa.errors import SfaError

LOCK = 0x5FA
_INCLUDE = re.compile(r"^-- sfa:include procrastinate (\S+)$", re.MULTILINE)
_TABLE: LiteralString = """
CREATE TABLE IF NOT EXISTS sfa_migrations (
    name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name, its text as executed, and the hash of the file."""

    name: str
    text: str
    sha256: str


def migrations() -> list[Migration]:
    """Every migration, in the order of the file names."""
    found = []
    for path in sorted((sql_folder() / "migrations").glob("[0-9]*.sql")):
        source = path.read_text()
        text = source
        if wanted := _INCLUDE.search(source):
            if procrastinate.__version__ != wanted[1]:
                raise SfaError(
                    f"{path.name} needs procrastinate {wanted[1]}, installed is {procrastinate.__version__}: run bin/setup"
                )
            text = SchemaManager.get_schema()
        found.append(Migration(path.stem, text, hashlib.sha256(source.encode()).hexdigest()))
    return found


def migrate(dsn: str) -> list[str]:
    """Apply what is missing; return the names of what was applied."""
    with translated(), psycopg.connect(dsn) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        connection.execute(_TABLE)
        applied: dict[str, str] = dict(
            connection.execute("SELECT name, sha256 FROM sfa_migrations").fetchall()
        )
        fresh = []
        for migration in migrations():
            if migration.name in applied:
                if applied[migration.name] != migration.sha256:
                    raise SfaError(
                        f"migration {migration.name} was changed after it had been applied; add a new one instead"
                    )
                continue
            # No parameters: psycopg then sends the file as it is, several statements and percent signs included.
            connection.execute(migration.text)
            connection.execute(
                "INSERT INTO sfa_migrations (name, sha256) VALUES (%s, %s)",
                [migration.name, migration.sha256],
            )
            fresh.append(migration.name)
        return fresh


def pending(dsn: str) -> list[str]:
    """The names of the migrations that the database does not have yet."""
    with translated(), psycopg.connect(dsn) as connection:
        present = connection.execute("SELECT to_regclass('sfa_migrations')").fetchone()
        applied: set[str] = set()
        if present and present[0]:
            applied = {
                row[0] for row in connection.execute("SELECT name FROM sfa_migrations").fetchall()
            }
        return [migration.name for migration in migrations() if migration.name not in applied]
