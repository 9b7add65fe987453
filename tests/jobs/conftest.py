"""What the tests of jobs share."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from sfa.config import Config
from tests.jobs.studio import Studio


@pytest.fixture
async def studio(config: Config, dsn: str) -> AsyncIterator[Studio]:
    quick = dataclasses.replace(config, lease_seconds=3, grace_seconds=1, drain_seconds=0)
    async with await psycopg.AsyncConnection[dict[str, Any]].connect(
        dsn, autocommit=True, row_factory=dict_row
    ) as db:
        yield Studio(quick, db)
