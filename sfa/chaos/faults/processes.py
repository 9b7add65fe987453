"""Kill, stop and end children and workers at the worst moments."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from sfa.chaos.faults import fault
from sfa.chaos.scene import Scene


@fault
def child_killed(scene: Scene) -> None:
    """kill -9 of a child in the middle of its job."""
    scene.hire()
    job, *_ = scene.submit(4, seconds=1)
    os.kill(scene.running(job).pid, signal.SIGKILL)
    scene.struck()
    scene.running(job, 2)


@fault
def child_killed_at_start(scene: Scene) -> None:
    """kill -9 of children before they have said hello."""
    worker = scene.hire()
    scene.submit(4, seconds=0.5)
    killed: set[int] = set()

    def strike() -> bool:
        for pid in scene.children(worker):
            if pid not in killed and not any(e.pid == pid for e in scene.effects.read()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        return len(killed) >= 2

    scene.until(strike, "two children are killed at their start")
    scene.struck()


@fault
def child_killed_after_result(scene: Scene) -> None:
    """A child dies between its result and its exit, again and again."""
    scene.hire()
    scene.submit(12, behaviour="dies_after_its_result")
    scene.struck()


@fault
def worker_killed(scene: Scene) -> None:
    """kill -9 of a worker with four children; nobody of its host comes to bury it."""
    survivor = scene.hire()
    survivor.send_signal(signal.SIGSTOP)
    victim = scene.hire()
    jobs = scene.submit(4, gate="go")
    pids = [scene.running(job).pid for job in jobs]
    victim.kill()
    victim.wait()
    died = time.monotonic()
    scene.struck()
    scene.until(lambda: not any(_lives(pid) for pid in pids), "its children end", 5)
    if time.monotonic() - died > 1:
        scene.find(
            "orphan", f"children lived {time.monotonic() - died:.1f} s longer than their worker"
        )
    survivor.send_signal(signal.SIGCONT)
    for job in jobs:
        scene.running(job, 2)
    again = scene.effects.of(jobs[0], "start")[1].at - died
    scene.note = f"ran again after {again:.1f} s"
    # The lease, a fifth of it until somebody looks, and the start of a child.
    if again > scene.lease * 1.2 + 5:
        scene.find("lost", f"the jobs of a dead worker ran again only after {again:.1f} s")
    scene.open("go")


@fault
def worker_killed_and_restarted(scene: Scene) -> None:
    """kill -9 of a worker that is started again at once: it takes its own jobs back."""
    victim = scene.hire()
    jobs = scene.submit(4, gate="go")
    for job in jobs:
        scene.running(job)
    victim.kill()
    victim.wait()
    scene.struck()
    scene.hire()
    back = time.monotonic()
    for job in jobs:
        scene.running(job, 2)
    took = max(scene.effects.of(job, "start")[1].at for job in jobs) - back
    scene.note = f"taken back {took:.1f} s after its registration"
    # At once, plus the start of four children; the leases would have to be waited for without it.
    if took > scene.lease + 5 or scene.sql(
        "SELECT 1 FROM attempts WHERE verdict = 'lost' AND error <> 'the worker process died'"
    ):
        scene.find("lost", f"a restarted worker took its jobs back only after {took:.1f} s")
    scene.open("go")


@fault
def worker_stopped(scene: Scene) -> None:
    """SIGSTOP of a worker past its leases, then SIGCONT; another worker is there."""
    worker = scene.hire()
    jobs = scene.submit(4, gate="go")
    for job in jobs:
        scene.running(job)
    scene.hire()
    worker.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    for job in jobs:
        scene.running(job, 2)
    scene.struck()
    if (again := time.monotonic() - stopped) > scene.lease + 5:
        scene.find("lost", f"the jobs of a stopped worker ran again only after {again:.1f} s")
    scene.passes(scene.lease)
    worker.send_signal(signal.SIGCONT)
    scene.open("go")


@fault
def machine_paused(scene: Scene) -> None:
    """SIGSTOP of a worker and its children, as when a virtual machine is paused, then SIGCONT."""
    worker = scene.hire()
    jobs = scene.submit(4, gate="go")
    pids = [scene.running(job).pid for job in jobs]
    scene.hire()
    for pid in (worker.pid, *pids):
        os.kill(pid, signal.SIGSTOP)
    for job in jobs:
        scene.running(job, 2)
    for pid in (*pids, worker.pid):
        os.kill(pid, signal.SIGCONT)
    scene.struck()
    # A child that has been cancelled may live on, for the next job: it is the stale work that has to end.
    scene.until(lambda: _silent(scene, pids), "the stale work ends", 20)
    scene.open("go")


@fault
def worker_drains(scene: Scene) -> None:
    """SIGTERM of a worker: short jobs finish, a long one is given back and uses up no attempt."""
    worker = scene.hire()
    short, long = scene.submit(1, seconds=1)[0], scene.submit(1, gate="go")[0]
    scene.running(short)
    scene.running(long)
    if code := scene.fire(worker):
        scene.find("untold", f"a worker that was told to stop exited with {code}")
    scene.struck()
    if scene.unfinished([short]):
        scene.find("lost", "a job that could have finished while its worker drained did not")
    scene.hire()
    scene.running(long, 2)
    if scene.sql("SELECT attempts FROM procrastinate_jobs WHERE id = %s", long)[0]["attempts"]:
        scene.find("untold", "a shutdown has used up an attempt")
    scene.open("go")


@fault
def worker_drains_with_cancel(scene: Scene) -> None:
    """A long drain: the leases are renewed all the while, another worker is there, and cancel still works."""
    worker = scene.hire(SFA_DRAIN_SECONDS=str(scene.lease * 4))
    long, doomed = (
        scene.submit(1, gate="go")[0],
        scene.submit(1, gate="never", wanted=("aborted",))[0],
    )
    scene.running(long)
    scene.running(doomed)
    scene.hire()
    worker.terminate()
    scene.until(lambda: "stopping" in scene.log(worker), "the worker drains", 20)
    scene.sql("SELECT sfa_cancel(%s::bigint)", doomed)
    began = time.monotonic()
    scene.ended([doomed])
    # The child itself may live on, for the next job: it is the work that has to end.
    took = scene.effects.of(doomed, "beat")[-1].at - began
    scene.note = f"ended after {took:.1f} s"
    if took > scene.grace + 1 or worker.poll() is not None:
        scene.find("orphan", f"a job that was cancelled in the drain lived {took:.1f} s")
    scene.struck()
    scene.passes(scene.lease * 2)
    scene.open("go")


@fault
def worker_terminated_twice(scene: Scene) -> None:
    """A second SIGTERM while a worker drains."""
    worker = scene.hire(SFA_DRAIN_SECONDS="30")
    jobs = scene.submit(3, gate="go")
    for job in jobs:
        scene.running(job)
    worker.terminate()
    scene.until(lambda: "stopping" in scene.log(worker), "the worker drains", 20)
    worker.terminate()
    scene.struck()
    began = time.monotonic()
    scene.until(lambda: worker.poll() is not None, "a worker that was told twice ends", 60)
    scene.note = f"ended after {(took := time.monotonic() - began):.1f} s"
    # The grace of its children, thrice, and as much again for a busy machine; the drain would have taken 30 s.
    if took > 15 + 3 * scene.grace:
        scene.find("orphan", f"a worker that was told twice to stop lived {took:.0f} s")
    scene.hire()
    for job in jobs:
        scene.running(job, 2)
    scene.open("go")
    scene.ended()
    if scene.sql("SELECT 1 FROM attempts WHERE verdict NOT IN ('released', 'completed')"):
        scene.find("untold", "a shutdown has used up an attempt")


@fault
def workers_killed_again_and_again(scene: Scene) -> None:
    """Sixty jobs while a worker of two is killed every second, and replaced."""
    scene.hire()
    jobs = scene.submit(60, seconds=1)
    for _ in range(5):
        victim = scene.hire()
        scene.more(5)
        victim.kill()
        victim.wait()
    scene.struck()
    # Each death costs the jobs it hits a crash; a job that was unlucky three times may be on the shelf.
    scene.expect(jobs, "succeeded", "failed")


def _silent(scene: Scene, pids: list[int]) -> bool:
    """Whether none of these processes has done anything for half a second."""
    since = time.monotonic() - 0.5
    return not any(
        effect.pid in pids and effect.at > since for effect in scene.effects.read()[-200:]
    )


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
