"""Restart the database, take it away, cut its connections, use it up, lock it."""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import psycopg

from sfa.chaos.faults import fault
from sfa.chaos.scene import Scene
from sfa.chaos.server import Row


@fault
def database_restarted(scene: Scene) -> None:
    """A fast restart of the database under running jobs."""
    _restart(scene, signal.SIGINT)


@fault
def database_crashed(scene: Scene) -> None:
    """An immediate stop of the database (what was not committed is gone), and its recovery."""
    _restart(scene, signal.SIGQUIT)


def _restart(scene: Scene, how: signal.Signals) -> None:
    scene.hire()
    scene.hire()
    scene.submit(20, seconds=0.4)
    scene.more(20)
    scene.server.halt(how)
    scene.server.start()
    scene.struck()
    scene.submit(4)


@fault
def outage_of_5_s(scene: Scene) -> None:
    """The database is away for 5 s, and a job finishes inside."""
    _outage(scene, 5)


@fault
def outage_of_45_s(scene: Scene) -> None:
    """The database is away for 45 s, far longer than a lease, and a job finishes inside."""
    _outage(scene, 45)


@fault
def outage_of_10_minutes(scene: Scene) -> None:
    """The database is away for 10 minutes (a minute without --long), and a job finishes inside."""
    _outage(scene, 600 if scene.long else 60)


def _outage(scene: Scene, seconds: float) -> None:
    scene.hire()
    quick, slow = scene.submit(1, gate="now")[0], scene.submit(1, gate="later")[0]
    scene.running(quick)
    scene.running(slow)
    scene.server.halt(signal.SIGINT)
    gone = time.monotonic()
    scene.open("now")
    scene.until(lambda: bool(scene.effects.of(quick, "end")), "the job finishes inside the outage")
    scene.until(lambda: time.monotonic() - gone > seconds, "the outage ends", seconds + 5)
    scene.server.start()
    scene.struck()
    scene.open("later")
    scene.submit(4)
    scene.ended(seconds=90)
    if (runs := len(scene.effects.of(quick, "start"))) > 1:
        scene.find("doubled", f"the job that had finished inside the outage ran {runs} times")


@fault
def listener_cut(scene: Scene) -> None:
    """The LISTEN connection is cut from the server's side: jobs are still picked up at once."""
    scene.hire()
    scene.until(lambda: bool(scene.backends("%listen%")), "there is a listener")
    scene.terminate("%listen%")
    scene.until(lambda: bool(scene.backends("%listen%")), "there is a listener again", 20)
    scene.struck()
    scene.submit(4)


@fault
def pool_cut(scene: Scene) -> None:
    """Every connection but the LISTEN one is cut while jobs run."""
    scene.hire()
    scene.submit(20, seconds=0.3)
    scene.more(10)
    for pid in set(scene.backends()) - set(scene.backends("%listen%")):
        scene.sql("SELECT pg_terminate_backend(%s)", pid)
    scene.struck()


@fault
def everything_cut(scene: Scene) -> None:
    """Every connection is cut while jobs run."""
    scene.hire()
    scene.submit(20, seconds=0.3)
    scene.more(10)
    scene.terminate()
    scene.struck()


@fault
def everything_cut_every_second(scene: Scene) -> None:
    """Every connection is cut, every second, for ten seconds."""
    scene.hire()
    scene.hire()
    scene.submit(60, seconds=0.3)
    for _ in range(10):
        scene.terminate()
        scene.passes(1)
    scene.struck()


@fault
def connections_used_up(scene: Scene) -> None:
    """Others hold every connection that the server has: jobs that run are written later, none is lost."""
    scene.hire()
    jobs = scene.submit(4, gate="go")
    for job in jobs:
        scene.running(job)
    hoard: list[psycopg.Connection[Row]] = []
    try:
        scene.terminate()
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                hoard.append(scene.connect())
        scene.open("go")
        scene.until(
            lambda: all(scene.effects.of(job, "end") for job in jobs), "the children are done"
        )
    finally:
        for connection in hoard:
            connection.close()
    scene.struck()
    scene.submit(4)


@fault
def job_table_locked(scene: Scene) -> None:
    """An ACCESS EXCLUSIVE lock on the job table for 30 s, as a careless migration takes it."""
    scene.hire()
    scene.submit(4, gate="go")
    scene.more(4)
    scene.open("go")
    with scene.connect() as db, db.transaction():
        db.execute("LOCK TABLE procrastinate_jobs IN ACCESS EXCLUSIVE MODE")
        scene.passes(30)
    scene.struck()
    scene.submit(4)


@fault
def read_only_for_a_while(scene: Scene) -> None:
    """The database refuses to write for some seconds, as after a failover, then writes again."""
    scene.hire()
    scene.submit(20, seconds=0.3)
    scene.more(10)
    with scene.connect(superuser=True) as db:
        db.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        db.execute("SELECT pg_reload_conf()")
        scene.terminate()
        scene.passes(scene.lease * 1.5)
        db.execute("SET default_transaction_read_only = off")
        db.execute("ALTER SYSTEM RESET default_transaction_read_only")
        db.execute("SELECT pg_reload_conf()")
    scene.struck()


@fault
def long_transaction(scene: Scene) -> None:
    """Somebody holds a transaction open all the while, so that nothing can be vacuumed."""
    scene.hire()
    with scene.connect() as db, db.transaction():
        db.execute("SELECT count(*) FROM procrastinate_jobs")
        scene.submit(300)
        scene.ended()
    scene.struck()
    scene.submit(4)


@fault
def deadlocks(scene: Scene) -> None:
    """Somebody locks running jobs' rows in the wrong order, again and again."""
    scene.hire()
    jobs = scene.submit(40, seconds=0.1)
    stop = threading.Event()

    def meddle() -> None:
        with scene.connect() as db:
            while not stop.is_set():
                with contextlib.suppress(psycopg.errors.DeadlockDetected), db.transaction():
                    for job in reversed(jobs[-8:]):
                        db.execute(
                            "SELECT 1 FROM analysis_jobs WHERE queue_job_id = %s FOR UPDATE", [job]
                        )
                        db.execute(
                            "SELECT 1 FROM procrastinate_jobs WHERE id = %s FOR UPDATE", [job]
                        )

    meddler = threading.Thread(target=meddle)
    meddler.start()
    try:
        scene.ended()
    finally:
        stop.set()
        meddler.join()
    scene.struck()
    scene.submit(4)
