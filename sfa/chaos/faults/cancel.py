"""Cancel at every bad moment: the process tree ends, and nothing of the job is written."""

from __future__ import annotations

import time

from sfa.chaos.faults import fault
from sfa.chaos.scene import Scene

EITHER = ("succeeded", "aborted", "cancelled")


@fault
def cancel_at_claim(scene: Scene) -> None:
    """Jobs are cancelled in the moment they are inserted and claimed."""
    scene.hire()
    for number in range(30):
        job = scene.submit(1, seconds=0.2, wanted=EITHER)[0]
        scene.passes(number / 1000)
        scene.sql("SELECT sfa_cancel(%s::bigint)", job)
    scene.struck()


@fault
def cancel_at_finish(scene: Scene) -> None:
    """Jobs are cancelled in the moment they finish, twice."""
    scene.hire()
    for number in range(20):
        gate = f"gate-{number}"
        job = scene.submit(1, gate=gate, wanted=EITHER)[0]
        scene.running(job)
        scene.open(gate)
        scene.passes(0.03 + 0.003 * number)
        scene.sql("SELECT sfa_cancel(%s::bigint), sfa_cancel(%s::bigint)", job, job)
    scene.struck()


@fault
def cancel_of_a_deaf_child(scene: Scene) -> None:
    """A child that ignores the request to stop is killed within the grace period and a second."""
    scene.hire()
    job = scene.submit(1, gate="never", behaviour="deaf", wanted=("aborted",))[0]
    pid = scene.running(job).pid
    scene.passes(0.2)
    scene.sql("SELECT sfa_cancel(%s::bigint)", job)
    began = time.monotonic()
    scene.ended([job])
    took = time.monotonic() - began
    scene.note = f"ended after {took:.1f} s"
    # Cancel frame, SIGTERM and SIGKILL each have their grace; two leases' fifths to learn of it.
    if took > scene.grace + 1:
        scene.find("orphan", f"a cancelled child (process {pid}) lived {took:.1f} s")
    scene.struck()
    scene.submit(1)


@fault
def cancel_of_waiting_jobs(scene: Scene) -> None:
    """Scheduled, retrying and paused jobs are cancelled: they never run again."""
    scene.hire()
    later = scene.submit(2, delay=3600, wanted=("cancelled",))
    again = scene.submit(1, behaviour="errs", wanted=("cancelled", "failed"))[0]
    scene.running(again)
    scene.until(
        lambda: (
            scene.sql("SELECT 1 FROM procrastinate_jobs WHERE id = %s AND status = 'todo'", again)
            != []
            or not scene.unfinished([again])
        ),
        "it waits for its retry",
    )
    for job in (*later, again):
        scene.sql("SELECT sfa_cancel(%s::bigint)", job)
    scene.struck()
    scene.submit(1)


@fault
def cancel_while_the_worker_is_gone(scene: Scene) -> None:
    """A job is cancelled after its worker was killed: it does not run again."""
    worker = scene.hire()
    job = scene.submit(1, gate="go", wanted=("aborted", "cancelled"))[0]
    scene.running(job)
    worker.kill()
    worker.wait()
    scene.sql("SELECT sfa_cancel(%s::bigint)", job)
    scene.hire()
    scene.struck()
    scene.submit(1)
    scene.ended()
    if len(scene.effects.of(job, "start")) > 1:
        scene.find("doubled", "a job that was cancelled has run again")
