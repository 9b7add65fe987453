"""PgBouncer between the workers and the database: nobody keeps a session, nobody is notified."""

from __future__ import annotations

import contextlib
import time

import psycopg

from sfa.chaos.faults import fault
from sfa.chaos.pooler import Pooler
from sfa.chaos.scene import Scene


@fault
def pgbouncer_in_transaction_mode(scene: Scene) -> None:
    """Workers behind PgBouncer in transaction mode work by polling; cancel, leases, retries and a death as ever."""
    if lack := Pooler.missing():
        scene.skipped = lack
        return
    victim = scene.hire(DATABASE_URL=scene.pooled_dsn)
    scene.hire(DATABASE_URL=scene.pooled_dsn)
    jobs = scene.submit(60, seconds=0.05)
    jobs += scene.submit(1, delay=2) + scene.submit(1, seconds=scene.lease * 2)
    jobs += scene.submit(1, behaviour="dies", wanted=("failed",))
    doomed = scene.submit(1, gate="never", wanted=("aborted",), priority=1)[0]
    scene.running(doomed)
    scene.sql("SELECT sfa_cancel(%s::bigint)", doomed)
    scene.ended([doomed])
    scene.ended(jobs, 120)
    began = time.monotonic()
    job = scene.submit(1)[0]
    scene.note = f"INSERT to start {scene.running(job).at - began:.2f} s"
    for job in scene.submit(6, gate="go"):
        scene.running(job)
    victim.kill()
    victim.wait()
    scene.struck()
    scene.open("go")
    scene.ended(seconds=90)
    if (limits := _limits(scene)) != {"0"}:
        scene.find("untold", f"a worker's statement_timeout was left to others: {limits}")


def _limits(scene: Scene) -> set[str]:
    """The statement_timeout that a stranger finds on each of the pooler's three connections."""
    found = set()
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            db = stack.enter_context(psycopg.connect(scene.pooled_dsn, prepare_threshold=None))
            row = db.execute("SHOW statement_timeout").fetchone()
            found.add(str(row and row[0]))
    return found
