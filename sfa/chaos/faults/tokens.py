"""Resources: never more of them are held than there are, none is lost, and a big job does not starve."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time

import psycopg

from sfa.chaos.faults import fault
from sfa.chaos.history import TOLERANCE
from sfa.chaos.rules import Lease, overdrawn, overworked
from sfa.chaos.scene import Scene

EITHER = ("succeeded", "aborted", "cancelled")


def _offer(scene: Scene, capacity: float, patience: float = 30, slots: int = 12) -> None:
    """So many tokens "slot" on this host, and more slots than tokens."""
    scene.journal()
    scene.sql("UPDATE queues SET concurrency = %s WHERE name = 'chaos'", slots)
    scene.sql("UPDATE job_kinds SET max_crashes = 100 WHERE task_name = 'chaos'")
    scene.sql(
        "INSERT INTO resources (host, name, capacity, patience) VALUES (%s, 'slot', %s, %s * interval '1 second')",
        socket.gethostname(), capacity, patience,
    )  # fmt: skip


def _counted(scene: Scene, needs: dict[int, float], capacity: float, seconds: float = 60) -> None:
    """All has ended; by the journal and by what the children did there were never more tokens out than there are."""
    scene.ended(seconds=seconds)
    journal = [
        Lease(
            0, row["job"], row["taken"], {name: float(n) for name, n in (row["held"] or {}).items()}
        )
        for row in scene.sql("SELECT job, taken, held FROM chaos_leases ORDER BY n")
    ]
    for text in overdrawn(journal, {"slot": capacity})[:5]:
        scene.find("doubled", text)
    if (longest := overworked(scene.effects.read(), needs, capacity)) > TOLERANCE:
        scene.find("doubled", f"for {longest:.1f} s more was in use than there is")
    for lease in journal:
        if lease.taken and lease.job in needs and lease.held.get("slot") != needs[lease.job]:
            scene.find(
                "untold", f"job {lease.job} needs {needs[lease.job]:g} and held {dict(lease.held)}"
            )
    row = scene.sql("SELECT used, waiting FROM sfa_resources WHERE name = 'slot'")[0]
    if row["used"] or row["waiting"]:
        scene.find(
            "untold", f"{row['used']} tokens are held, {row['waiting']} jobs wait, and nothing runs"
        )


def _mixed(scene: Scene, count: int, needs: dict[int, float], **plan: object) -> list[int]:
    """Jobs that need 1, 2 or 3 tokens."""
    jobs = []
    for _ in range(count):
        amount = scene.random.choice((1, 1, 2, 3))
        jobs += scene.submit(1, needs={"slot": amount}, **plan)  # type: ignore[arg-type]
        needs[jobs[-1]] = amount
    return jobs


@fault
def tokens_under_kills(scene: Scene) -> None:
    """Jobs that need 1 to 3 of 4 tokens, while children and workers are killed and workers stopped."""
    _offer(scene, 4)
    needs: dict[int, float] = {}
    scene.hire()
    scene.hire()
    _mixed(scene, 30, needs, seconds=0.5)
    for number in range(6):
        scene.more(6)
        worker = scene.random.choice([one for one in scene.workers if one.poll() is None])
        if number % 3 == 0:
            worker.kill()
            worker.wait()
            scene.hire()
        elif number % 3 == 1:
            for pid in scene.children(worker):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        else:
            worker.send_signal(signal.SIGSTOP)
            scene.passes(scene.lease * 1.3)
            worker.send_signal(signal.SIGCONT)
    scene.struck()
    _counted(scene, needs, 4, 90)


@fault
def tokens_over_a_database_crash(scene: Scene) -> None:
    """The database is restarted and crashes while tokens are held and waited for."""
    _offer(scene, 4)
    needs: dict[int, float] = {}
    scene.hire()
    scene.hire()
    _mixed(scene, 24, needs, seconds=0.4)
    for how in (signal.SIGQUIT, signal.SIGINT, signal.SIGQUIT):
        scene.more(8)
        scene.server.halt(how)
        scene.server.start()
    scene.struck()
    _counted(scene, needs, 4, 90)


@fault
def tokens_of_cancelled_jobs(scene: Scene) -> None:
    """Jobs that hold tokens or wait for them are cancelled, snoozed and sent back, many at a time."""
    _offer(scene, 4)
    needs: dict[int, float] = {}
    scene.hire()
    scene.hire()
    jobs = _mixed(scene, 30, needs, seconds=0.5)
    scene.expect(jobs, *EITHER)
    for _ in range(8):
        scene.more(4)
        some = scene.random.sample(jobs, 6)
        scene.sql("SELECT sfa_cancel_many(%s::bigint[])", some[:3])
        scene.sql("SELECT sfa_snooze(id, '1 second') FROM unnest(%s::bigint[]) id", some[3:5])
        scene.sql("SELECT sfa_retry_many(%s::bigint[])", some[:2])
    scene.struck()
    _counted(scene, needs, 4, 90)


@fault
def tokens_and_a_big_job(scene: Scene) -> None:
    """A stream of small jobs that never ends, and one that needs all tokens: it begins soon after its patience."""
    patience = 2.0
    _offer(scene, 3, patience)
    needs: dict[int, float] = {}
    scene.hire()
    scene.hire()
    stop = threading.Event()

    def small() -> None:
        with scene.connect() as db:
            while not stop.wait(0.08):
                track = db.execute(
                    "INSERT INTO tracks (title) VALUES ('{\"seconds\": 0.4}') RETURNING id"
                ).fetchone()
                assert track is not None
                row = db.execute(
                    "INSERT INTO analysis_jobs (track_id, task_name, needs) VALUES (%s, 'chaos', '{\"slot\": 1}')"
                    " RETURNING queue_job_id AS id", [track["id"]],
                ).fetchone()  # fmt: skip
                assert row is not None
                needs[row["id"]] = 1
                scene.expect([row["id"]], "succeeded")

    stream = threading.Thread(target=small)
    stream.start()
    try:
        scene.more(20)
        big = scene.submit(1, needs={"slot": 3}, seconds=0.5)[0]
        needs[big] = 3
        sent = time.monotonic()
        took = scene.running(big).at - sent
    finally:
        stop.set()
        stream.join()
    scene.note = f"began after {took:.1f} s"
    # Its patience, the running ones' half second, the polls between, and the start of a child.
    if took > patience + 5:
        scene.find("lost", f"a job that needs everything began only after {took:.1f} s")
    scene.struck()
    _counted(scene, needs, 3, 120)


@fault
def tokens_whose_needs_change(scene: Scene) -> None:
    """What waiting jobs need is changed while they are claimed, and a queue gets its first job with needs."""
    _offer(scene, 4)
    scene.hire()
    scene.hire()
    scene.submit(20, seconds=0.05)
    # The first that needs anything come while others are claimed as fast as may be.
    first: dict[int, float] = dict.fromkeys(scene.submit(6, needs={"slot": 2}, seconds=0.3), 2)
    scene.ended()
    jobs = scene.submit(40, needs={"slot": 1}, seconds=0.15)
    stop = threading.Event()
    broken: list[str] = []

    def change(seed: int) -> None:
        with scene.connect() as db:
            while not stop.is_set():
                for job in jobs[seed::4]:
                    try:
                        db.execute("SELECT sfa_need(%s::bigint, '{\"slot\": 4}')", [job])
                        db.execute("SELECT sfa_need(%s::bigint, '{\"slot\": 1}')", [job])
                    except psycopg.Error as error:
                        broken.append(str(error))

    threads = [threading.Thread(target=change, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    try:
        scene.ended(jobs, 120)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    scene.struck()
    for text in broken[:3]:
        scene.find("untold", f"refused: {text}")
    _counted(scene, first, 4)
