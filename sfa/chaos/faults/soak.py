"""Random faults, one after the other, under a steady stream of jobs, for as many minutes as wanted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable

from sfa.chaos.faults import Scenario
from sfa.chaos.scene import Scene

PAUSE = (0.5, 4.0)
"""Seconds between two faults."""


def soak(minutes: float) -> Scenario:
    """The scenario; which fault comes when is the seed's."""
    return Scenario(
        "soak", f"random faults for {minutes:g} minutes", lambda scene: _soak(scene, minutes * 60)
    )


def _soak(scene: Scene, seconds: float) -> None:
    # What is hit by chance every few seconds needs more crashes than a job is normally allowed.
    scene.sql(
        "UPDATE job_kinds SET max_crashes = 1000, max_attempts = 1000 WHERE task_name = 'chaos'"
    )
    for _ in range(2):
        scene.hire()
    deadline = time.monotonic() + seconds
    count = 0
    while time.monotonic() < deadline:
        jobs = scene.submit(
            scene.random.randint(1, 12), seconds=scene.random.choice((0, 0.1, 0.5, 2))
        )
        if scene.random.random() < 0.2:
            scene.expect(jobs[:1], "succeeded", "aborted", "cancelled")
            scene.sql("SELECT sfa_cancel(%s::bigint)", jobs[0])
        scene.random.choice(STRIKES)(scene)
        count += 1
        scene.passes(scene.random.uniform(*PAUSE))
        # Somebody like supervisord: there are always two.
        while sum(worker.poll() is None for worker in scene.workers) < 2:
            scene.hire()
    scene.struck()
    scene.note = f"{count} faults"
    scene.ended(seconds=120)


def _kill_child(scene: Scene) -> None:
    pids = [pid for worker in _living(scene) for pid in scene.children(worker)]
    if pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(scene.random.choice(pids), signal.SIGKILL)


def _kill_worker(scene: Scene) -> None:
    worker = scene.random.choice(_living(scene))
    worker.kill()
    worker.wait()


def _stop_worker(scene: Scene) -> None:
    worker = scene.random.choice(_living(scene))
    worker.send_signal(signal.SIGSTOP)
    scene.passes(scene.random.uniform(0.1, scene.lease * 1.5))
    worker.send_signal(signal.SIGCONT)


def _drain_worker(scene: Scene) -> None:
    scene.random.choice(_living(scene)).terminate()


def _restart_database(scene: Scene) -> None:
    scene.server.halt(scene.random.choice((signal.SIGINT, signal.SIGQUIT)))
    scene.passes(scene.random.uniform(0, scene.lease))
    scene.server.start()


def _cut(scene: Scene) -> None:
    scene.terminate()


def _cut_listener(scene: Scene) -> None:
    scene.terminate("%listen%")


def _living(scene: Scene) -> list[subprocess.Popen[bytes]]:
    return [worker for worker in scene.workers if worker.poll() is None]


STRIKES: tuple[Callable[[Scene], None], ...] = (
    _kill_child, _kill_worker, _stop_worker, _drain_worker, _restart_database, _cut, _cut_listener,
)  # fmt: skip
