"""Deploys under load: workers replaced one by one, and a schema that grows under old workers."""

from __future__ import annotations

from sfa.chaos.faults import fault
from sfa.chaos.scene import Scene


@fault
def rolling_restart(scene: Scene) -> None:
    """Two workers are replaced one after the other, three times, under load: nothing uses up an attempt."""
    staff = [scene.hire(), scene.hire()]
    for _ in range(3):
        for place, worker in enumerate(staff):
            # Enough to be at work while one starts and one ends, however long that takes.
            scene.submit(40, seconds=0.4)
            scene.more(10)
            staff[place] = scene.hire()
            if code := scene.fire(worker):
                scene.find("untold", f"a worker that was told to stop exited with {code}")
    scene.struck()
    scene.ended(seconds=180)
    for row in scene.sql(
        "SELECT job_id FROM attempts WHERE verdict NOT IN ('completed', 'released')"
    ):
        scene.find("untold", f"job {row['job_id']} was harmed by a deploy")


@fault
def schema_grows(scene: Scene) -> None:
    """A column and an index are added to the tables under a running worker."""
    scene.hire()
    scene.submit(40, seconds=0.2)
    scene.more(10)
    for table in ("procrastinate_jobs", "analysis_jobs", "attempts", "leases", "queues", "workers"):
        scene.sql(f"ALTER TABLE {table} ADD COLUMN of_a_later_version text DEFAULT 'new'")
        scene.more(4)
    scene.sql("CREATE INDEX CONCURRENTLY of_a_later_version ON attempts (of_a_later_version)")
    scene.struck()
    scene.submit(4)
