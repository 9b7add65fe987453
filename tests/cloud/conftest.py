"""What the tests of the cloud share: a stand-in for lalal.ai, and a studio that is configured for it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import soundfile
from psycopg.rows import dict_row

from sfa.config import Config
from tests.cloud.lalalai import KEY, Cloud
from tests.jobs.studio import Studio

RATE = 22_050


def tone(seconds: float) -> Any:
    clock = np.arange(round(seconds * RATE)) / RATE
    return np.stack(
        [0.4 * np.sin(2 * np.pi * 220 * clock), 0.2 * np.sin(2 * np.pi * 330 * clock)], 1
    )


def wav(seconds: float) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(seconds), RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud(wav(3), seconds=180) as stand_in:
        yield stand_in


@pytest.fixture
async def studio(config: Config, dsn: str, cloud: Cloud) -> AsyncIterator[Studio]:
    quick = dataclasses.replace(
        config,
        lease_seconds=3,
        grace_seconds=1,
        drain_seconds=0,
        lalalai_key=KEY,
        lalalai_url=cloud.url,
    )
    async with await psycopg.AsyncConnection[dict[str, Any]].connect(
        dsn, autocommit=True, row_factory=dict_row
    ) as db:
        yield Studio(quick, db)


@pytest.fixture
async def song(studio: Studio) -> str:
    """A track of three seconds, as far as its file goes."""

    def write(path: Path) -> None:
        path.write_bytes(wav(3))

    track = await studio.track("song.wav", write)
    await studio.db.execute("UPDATE tracks SET title = 'Sóng & más'")
    return track
