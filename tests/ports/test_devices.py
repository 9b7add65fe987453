"""A call whose GPU lacks the memory goes on, on the CPU, as the same attempt; what is wrong elsewhere does not."""

from __future__ import annotations

from typing import Any

import pytest

from sfa.db import Session
from sfa.jobs import analysis, resources
from sfa.jobs.runner import Run
from sfa.queue.attempt import Record
from tests.jobs.conftest import studio
from tests.jobs.studio import Studio

__all__ = ["studio"]


async def _run(studio: Studio, monkeypatch: pytest.MonkeyPatch, devices: list[str]) -> list[Any]:
    """One job whose port may use the devices; what its child answered."""
    answers: list[Any] = []

    async def perform(work: Run) -> Record:
        answers.append(await work.call("analyzer", "go"))

        async def record(session: Session) -> None:
            pass

        return record

    monkeypatch.setattr(analysis, "perform", perform)
    monkeypatch.setattr(resources, "gpus", lambda: devices)
    monkeypatch.setattr(resources, "ON_GPU", {"analyzer"})
    monkeypatch.setitem(resources.PROGRAMS, "analyzer", "tests.ports.without_gpu")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    async with studio.worker("analysis"):
        track = (await studio.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id"))["id"]
        await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
        assert (await studio.ended(track, "analysis"))["status"] == "completed"
    return answers


async def test_what_lacks_the_gpus_memory_goes_on_on_the_cpu(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await _run(studio, monkeypatch, ["cuda:0", "cuda:1"])
    (attempt,) = await (await studio.db.execute("SELECT * FROM sfa_attempts")).fetchall()
    assert attempt["verdict"] == "completed"
    assert attempt["certificate"]["device"] == "cpu"
    rows = await (
        await studio.db.execute("SELECT detail ->> 'device' AS device FROM port_events WHERE event = 'ready' ORDER BY id")
    ).fetchall()  # fmt: skip
    assert [row["device"] for row in rows] == ["cuda:0", "cpu"]


async def test_without_a_gpu_there_is_one_child(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await _run(studio, monkeypatch, [])
    row = await studio.one("SELECT count(*) AS n FROM port_events WHERE event = 'ready'")
    assert row["n"] == 1


def test_gpus_are_what_the_environment_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    for visible, found in (("", []), ("0", ["cuda:0"]), ("3,5", ["cuda:0", "cuda:1"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert resources.gpus() == found
