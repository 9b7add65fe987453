"""A million rows of each kind, and statistics that know nothing of them."""

from __future__ import annotations

import time

from sfa.chaos.faults import fault
from sfa.chaos.scene import Scene

MILLION = 1_000_000
# A domain row each, by the same INSERT that people use; a track may have only one active analysis, so a track each.
_TRACKS = "INSERT INTO tracks (title) SELECT '{}' FROM generate_series(1, %s)"
_JOBS = "INSERT INTO analysis_jobs (track_id, task_name, priority, scheduled_at) SELECT id, 'chaos', -1, {} FROM tracks"
LIMIT = 0.25
"""Seconds from INSERT to start that a million rows may cost at the most: a poll's worth would be more."""


@fault
def backlog_of_a_million(scene: Scene) -> None:
    """A million jobs wait, with a lower priority; new ones are still started at once."""
    _with(scene, "NULL", "a million waiting")


@fault
def a_million_scheduled(scene: Scene) -> None:
    """A million jobs are scheduled for tomorrow; new ones are still started at once."""
    _with(scene, "now() + interval '1 day'", "a million scheduled")


@fault
def a_million_finished(scene: Scene) -> None:
    """A million jobs have ended; new ones are still started at once."""
    _with(scene, "now() + interval '1 day'", "a million finished", finish=True)


def _with(
    scene: Scene, scheduled: str, what: str, *, finish: bool = False, analyse: bool = True
) -> None:
    rows = scene.rows or MILLION
    scene.sql(_TRACKS, rows)
    scene.sql(_JOBS.format(scheduled))
    if finish:
        scene.sql("UPDATE procrastinate_jobs SET status = 'cancelled' WHERE status = 'todo'")
    if analyse:
        scene.sql("ANALYZE")
    scene.hire()
    if scheduled == "NULL":
        # The backlog is work itself; nothing is to be done for what comes tomorrow or has ended.
        scene.more(8)
    scene.struck()
    _quick(scene, what)
    # The rest would take hours of child's work: it is called off, and is not judged.
    scene.sql("UPDATE queues SET paused = true WHERE name = 'chaos'")
    scene.until(lambda: not scene.sql("SELECT 1 FROM leases"), "what runs ends")


def _quick(scene: Scene, what: str) -> None:
    waits = []
    for _ in range(10):
        began = time.monotonic()
        job = scene.submit(1, priority=5)[0]
        waits.append(scene.running(job).at - began)
    middle = sorted(waits)[5]
    scene.note = f"INSERT to start {middle * 1000:.0f} ms"
    if middle > LIMIT:
        scene.find("untold", f"with {what}, a job starts only after {middle:.2f} s")
    scene.ended()


@fault
def statistics_stale(scene: Scene) -> None:
    """Twenty thousand jobs arrive in a table that was never analysed, and nobody ever analyses it."""
    scene.sql("ALTER TABLE procrastinate_jobs SET (autovacuum_enabled = off)")
    scene.hire()
    scene.submit(1)
    scene.ended()
    scene.rows = 20_000
    scene.sql("UPDATE queues SET paused = true WHERE name = 'chaos'")
    scene.sql(_TRACKS, scene.rows)
    scene.sql(
        "INSERT INTO analysis_jobs (track_id, task_name, priority) SELECT id, 'chaos', -1 FROM tracks WHERE title = '{}'"
    )
    scene.sql("UPDATE queues SET paused = false WHERE name = 'chaos'")
    scene.more(8)
    scene.struck()
    _quick(scene, "stale statistics")
    scene.sql("UPDATE queues SET paused = true WHERE name = 'chaos'")
    scene.until(lambda: not scene.sql("SELECT 1 FROM leases"), "what runs ends")


@fault
def jobs_of_one_lock(scene: Scene) -> None:
    """Two thousand jobs under one lock among others: one at a time, in order, and the others are not held up."""
    scene.sql("UPDATE queues SET concurrency = 8 WHERE name = 'chaos'")
    scene.hire()
    scene.hire()
    locked = scene.submit(2000)
    scene.sql(
        "UPDATE procrastinate_jobs SET lock = 'one' WHERE id = ANY (%s) AND status = 'todo'", locked
    )
    scene.struck()
    free = scene.submit(4)
    scene.ended(free, 20)
    scene.ended(seconds=900)
