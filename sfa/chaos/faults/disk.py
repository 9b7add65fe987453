"""The database's disk is full: nothing can be written, until there is room again."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg

from sfa.chaos.faults import fault
from sfa.chaos.scene import Scene

MEGABYTES = 24
TABLES = (
    "procrastinate_jobs",
    "procrastinate_events",
    "analysis_jobs",
    "attempts",
    "leases",
    "chaos_results",
)


@fault
def disk_full(scene: Scene) -> None:
    """The job tables' disk is full while jobs finish: they wait with their results, and none runs twice."""
    if os.geteuid() != 0:
        scene.skipped = "only root can make a disk that is small enough"
        return
    with _small_disk(scene) as disk:
        scene.hire()
        jobs = scene.submit(4, gate="go")
        for job in jobs:
            scene.running(job)
        filler = disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        refused = False
        with contextlib.suppress(psycopg.OperationalError), scene.connect() as db:
            # Fills what room is left in the tables' own pages.
            refused = True
            db.execute(
                "INSERT INTO attempts (job_id, token, worker, started_at, verdict)"
                " SELECT 0, gen_random_uuid(), 'filler', now(), 'completed' FROM generate_series(1, 1000000)"
            )
            refused = False
        if not refused:
            scene.find("untold", "the disk was not full")
        scene.open("go")
        scene.until(
            lambda: all(scene.effects.of(job, "end") for job in jobs), "the children are done"
        )
        scene.passes(scene.lease / 2)
        filler.unlink()
        scene.struck()
        jobs += scene.submit(4)
        scene.ended(seconds=90)
        if not any("waiting for the database" in scene.log(worker) for worker in scene.workers):
            scene.find("untold", "nobody has noticed that the disk was full")
        for worker in scene.workers:
            scene.fire(worker)


@contextlib.contextmanager
def _small_disk(scene: Scene) -> Iterator[Path]:
    """The job tables lie on a disk of `MEGABYTES` for as long as this lasts."""
    place = scene.place / "disk"
    place.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(place)], check=True
    )
    try:
        owner = scene.server.data.stat()
        space = place / "space"
        space.mkdir(mode=0o700)
        for path in (place, space):
            os.chown(path, owner.st_uid, owner.st_gid)
        with scene.connect(superuser=True) as db:
            db.execute(f"CREATE TABLESPACE small LOCATION '{space}'".encode())
            db.execute(b"GRANT CREATE ON TABLESPACE small TO sfa")
            try:
                _move(db, "small")
                yield place
            finally:
                (place / "filler").unlink(missing_ok=True)
                _move(db, "pg_default")
                db.execute(b"DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def _move(db: psycopg.Connection[dict[str, object]], space: str) -> None:
    for table in TABLES:
        db.execute(f"ALTER TABLE {table} SET TABLESPACE {space}".encode())
        rows = db.execute(
            "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = %s::regclass",
            [table],
        )
        for row in rows.fetchall():
            db.execute(f"ALTER INDEX {row['name']} SET TABLESPACE {space}".encode())
