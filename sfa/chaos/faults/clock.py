"""Workers whose clock is wrong: leases and schedules must follow the database's."""

from __future__ import annotations

from pathlib import Path

from sfa.chaos.faults import fault
from sfa.chaos.scene import Scene


def _library() -> str:
    for pattern in ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1"):
        for path in Path("/").glob(pattern[1:]):
            return str(path)
    return ""


@fault
def clock_an_hour_behind(scene: Scene) -> None:
    """A worker's clock is an hour behind, another's right; jobs are scheduled."""
    _with_clock(scene, "-3600s")


@fault
def clock_an_hour_ahead(scene: Scene) -> None:
    """A worker's clock is an hour ahead, another's right; jobs are scheduled."""
    _with_clock(scene, "+3600s")


def _with_clock(scene: Scene, offset: str) -> None:
    library = _library()
    if not library:
        scene.skipped = "no libfaketime on this machine (Debian: apt-get install libfaketime)"
        return
    scene.hire(LD_PRELOAD=library, FAKETIME=offset, FAKETIME_DONT_FAKE_MONOTONIC="1")
    scene.hire()
    jobs = scene.submit(8, seconds=scene.lease * 1.5)
    soon = scene.submit(2, delay=4)
    scene.ended([*jobs, *soon])
    early = scene.sql(
        "SELECT count(*) FROM attempts a JOIN analysis_jobs j ON j.queue_job_id = a.job_id"
        " WHERE a.job_id = ANY (%s) AND a.started_at < j.inserted_at + interval '4 seconds'",
        soon,
    )[0]
    if early["count"]:
        scene.find("untold", f"{early['count']} scheduled jobs ran before their time")
    scene.struck()
    scene.submit(2)
