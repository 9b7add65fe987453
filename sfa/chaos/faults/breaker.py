"""The circuit breaker: a kind that keeps crashing pauses its queue and no other, and a trial brings it back."""

from __future__ import annotations

import signal
import subprocess

from sfa.chaos.effects import Effect
from sfa.chaos.faults import fault
from sfa.chaos.rules import Lease, past_the_breaker
from sfa.chaos.scene import Scene
from sfa.chaos.task import BESIDE

PAUSE = 1.0


def _arm(scene: Scene, crashes: int = 3) -> None:
    scene.journal()
    scene.sql(
        "UPDATE queues SET breaker_crashes = %s, breaker_pause = %s * interval '1 second'",
        crashes, PAUSE,
    )  # fmt: skip
    scene.sql("UPDATE job_kinds SET max_crashes = 100, crash_base = 0.1, backoff_cap = 0.3")


def _state(scene: Scene, queue: str = "chaos") -> str:
    return str(scene.sql("SELECT breaker FROM queues WHERE name = %s", queue)[0]["breaker"])


def _tripped(scene: Scene, times: int = 1) -> None:
    def trips() -> int:
        rows = scene.sql("SELECT 1 FROM chaos_breaker WHERE queue = 'chaos' AND state = 'open'")
        return len(rows)

    scene.until(lambda: trips() >= times, f"the breaker trips ({times})")


def _cure(scene: Scene) -> None:
    """Once it has tripped and what was under way has died, too, jobs are good: they work until they may "go"."""
    _tripped(scene)
    scene.until(
        lambda: (
            not scene.sql(
                "SELECT 1 FROM leases l, queues q WHERE q.name = 'chaos' AND l.job_id IS DISTINCT FROM q.breaker_job"
            )
        ),
        "what was under way has died",
    )
    scene.open("cured")


def _ended(scene: Scene) -> None:
    """All is done, the breaker closed, and nothing was claimed past it."""
    scene.ended()
    scene.submit(1)
    scene.until(lambda: _state(scene) == "closed", "the breaker closes")
    scene.ended()
    journal = [
        Lease(row["at"].timestamp(), row["job"], row["taken"], {})
        for row in scene.sql(
            "SELECT l.at, l.job, l.taken FROM chaos_leases l JOIN procrastinate_jobs j ON j.id = l.job"
            " WHERE j.queue_name = 'chaos' ORDER BY l.n"
        )
    ]
    states = [
        (row["at"].timestamp(), str(row["state"]))
        for row in scene.sql("SELECT at, state FROM chaos_breaker WHERE queue = 'chaos' ORDER BY n")
    ]
    for text in past_the_breaker(journal, states):
        scene.find("untold", text)
    if scene.sql("SELECT 1 FROM chaos_breaker WHERE queue <> 'chaos'"):
        scene.find("untold", "the breaker of another queue has tripped")


def _trial(scene: Scene, seen: set[str]) -> Effect:
    """The next trial, waited for: what its child did last, with a token not seen before."""
    found: list[Effect] = []

    def look() -> bool:
        rows = scene.sql(
            "SELECT l.job_id AS job, l.token::text FROM queues q JOIN leases l ON l.job_id = q.breaker_job"
            " WHERE q.name = 'chaos' AND q.breaker = 'half_open'"
        )
        if rows and rows[0]["token"] not in seen:
            beats = scene.effects.of(rows[0]["job"], "beat")
            found[:] = [beat for beat in beats if beat.token == rows[0]["token"]]
        return bool(found)

    scene.until(look, "a job is tried")
    seen.add(found[-1].token)
    return found[-1]


def _worker_of(scene: Scene, child: Effect) -> subprocess.Popen[bytes]:
    return next(
        worker for worker in scene.workers
        if worker.poll() is None and child.pid in scene.children(worker)
    )  # fmt: skip


@fault
def breaker_trips_for_its_queue_only(scene: Scene) -> None:
    """A kind's children die and die: its queue pauses, the one beside works on; cured, a trial brings it back."""
    _arm(scene)
    scene.hire()
    scene.hire(SFA_CHAOS_QUEUE=BESIDE)
    scene.submit(6, behaviour="dies", cure="cured")
    _tripped(scene)
    beside = scene.submit(12, kind=BESIDE, seconds=0.1)
    scene.ended(beside)
    # Tried and found as bad as before: the pause is doubled.
    _tripped(scene, 2)
    scene.open("cured")
    scene.struck()
    _ended(scene)
    trips = scene.sql("SELECT at FROM chaos_breaker WHERE state = 'half_open' ORDER BY n")
    scene.note = f"{len(trips)} trials"


@fault
def breaker_trial_killed_with_its_worker(scene: Scene) -> None:
    """kill -9 of the worker at each trial: it trips again, one job is tried at a time, and all completes in the end."""
    _arm(scene)
    scene.hire()
    scene.hire()
    scene.submit(8, behaviour="dies", cure="cured", gate="go")
    _cure(scene)
    seen: set[str] = set()
    for number in range(2, 4):
        victim = _worker_of(scene, _trial(scene, seen))
        victim.kill()
        victim.wait()
        if scene.random.random() < 0.5:
            scene.hire()  # buries it
            _tripped(scene, number)
        else:
            _tripped(scene, number)  # the survivor sees its leases run out
            scene.hire()
    scene.open("go")
    scene.struck()
    _ended(scene)


@fault
def breaker_trial_stopped_for_a_deploy(scene: Scene) -> None:
    """The worker is told to stop while it tries a job: that says nothing, and another one is tried."""
    _arm(scene)
    worker = scene.hire(SFA_DRAIN_SECONDS="0.2")
    scene.submit(8, behaviour="dies", cure="cured", gate="go")
    _cure(scene)
    seen: set[str] = set()
    _trial(scene, seen)
    scene.fire(worker)
    scene.hire()
    cancelled = _trial(scene, seen)
    if _state(scene) != "half_open":
        scene.find("untold", f"a deploy in the trial has left the breaker {_state(scene)}")
    scene.sql("SELECT sfa_cancel(%s::bigint)", cancelled.job)
    scene.expect([cancelled.job], "aborted")
    _trial(scene, seen)
    scene.open("go")
    scene.struck()
    _ended(scene)


@fault
def breaker_over_a_database_crash(scene: Scene) -> None:
    """The database crashes while the breaker is open, and again while a job is tried."""
    _arm(scene)
    scene.hire()
    scene.submit(8, behaviour="dies", cure="cured", gate="go")
    _tripped(scene)
    scene.server.halt(signal.SIGQUIT)
    scene.server.start()
    _cure(scene)
    _trial(scene, set())
    scene.server.halt(signal.SIGQUIT)
    scene.server.start()
    scene.struck()
    scene.open("go")
    _ended(scene)


@fault
def breaker_and_one_dead_worker(scene: Scene) -> None:
    """kill -9 of one worker with a dozen jobs that it took one after the other: one crash, and no reason to trip."""
    _arm(scene, 2)
    scene.sql("UPDATE queues SET concurrency = 12")
    survivor = scene.hire()
    survivor.send_signal(signal.SIGSTOP)
    victim = scene.hire()
    jobs = []
    seen = "SELECT seen_at FROM workers WHERE pid = %s"
    for _ in range(3):
        jobs += scene.submit(3, gate="go")
        scene.running(jobs[-1])
    # Just after a renewal: the leases of those that come now end later than the others'.
    before = scene.sql(seen, victim.pid)
    scene.until(lambda: scene.sql(seen, victim.pid) != before, "the leases are renewed")
    late = []
    for _ in range(3):
        late += scene.submit(1, gate="go")
        scene.passes(scene.lease / 20)
    victim.kill()
    victim.wait()
    survivor.send_signal(signal.SIGCONT)
    scene.struck()
    claimed = "SELECT 1 FROM attempts WHERE job_id = %s"
    for job in (*jobs, *late):
        scene.until(lambda: bool(scene.sql(claimed, job)), "its jobs are lost")  # noqa: B023
        scene.until(lambda: scene.status(job) == "doing", "its jobs run again")  # noqa: B023
    moments = scene.sql("SELECT count(DISTINCT ended_at) AS n FROM attempts")[0]["n"]
    scene.note = f"lost at {moments} moments"
    if scene.sql("SELECT 1 FROM chaos_breaker"):
        scene.find("untold", "the breaker has tripped for one dead worker")
    scene.open("go")
    _ended(scene)
