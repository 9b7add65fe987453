"""Others on the same host and in the same tables: supervisord, and Procrastinate's own worker."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from sfa.chaos.faults import fault
from sfa.chaos.scene import Scene
from sfa.config import HOME

SETTINGS = """
[supervisord]
nodaemon = true
logfile = {place}/supervisord.log
pidfile = {place}/supervisord.pid
childlogdir = {place}
[program:worker]
command = {python} -P -m sfa.chaos.workshop
directory = {home}
process_name = %(program_name)s-%(process_num)d
numprocs = 2
autorestart = true
stopwaitsecs = 30
stopasgroup = true
killasgroup = true
redirect_stderr = true
"""


@fault
def supervisord_killed(scene: Scene) -> None:
    """kill -9 of supervisord over two workers with children: all end with it, and the next one takes the jobs back."""
    settings = scene.place / "supervisord.conf"
    settings.write_text(SETTINGS.format(place=scene.place, python=sys.executable, home=HOME))

    def supervise() -> subprocess.Popen[bytes]:
        started = subprocess.Popen(
            [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(settings)],
            cwd=scene.place, env=scene.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        scene.until(
            lambda: len(_staff(scene) - scene.others) >= 2 or started.poll() is not None, "two workers register", 60
        )  # fmt: skip
        scene.others |= _staff(scene)
        return started

    supervisor = supervise()
    try:
        jobs = scene.submit(6, gate="go")
        pids = [scene.running(job).pid for job in jobs]
        victims = set(scene.others)
        supervisor.kill()
        supervisor.wait()
        died = time.monotonic()
        scene.until(lambda: not any(_lives(pid) for pid in (*victims, *pids)), "all end", 20)
        if (took := time.monotonic() - died) > 3:
            scene.find("orphan", f"workers or children lived {took:.1f} s longer than supervisord")
        scene.struck()
        supervisor = supervise()
        for job in jobs:
            scene.running(job, 2)
        scene.open("go")
        scene.ended()
    finally:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait(60)


@fault
def procrastinates_worker_beside(scene: Scene) -> None:
    """Procrastinate's own worker on the same queue; then it is killed: its jobs run again, on ours."""
    guest = scene.hire("guest")
    jobs = scene.submit(12, seconds=0.2)
    scene.more(4)
    scene.hire()
    jobs += scene.submit(40, seconds=0.1)
    jobs += scene.submit(1, behaviour="errs", wanted=("failed",))
    scene.ended(jobs, 120)
    doers = scene.sql(
        "SELECT count(*) FILTER (WHERE worker LIKE 'procrastinate%%') AS guest, count(*) AS n FROM attempts WHERE %s",
        True,
    )[0]
    scene.note = f"the guest did {doers['guest']} of {doers['n']}"
    if doers["guest"] in (0, doers["n"]):
        scene.find("untold", "one of the two workers has done nothing")
    gated = scene.submit(8, gate="go")
    for job in gated:
        scene.running(job)
    guest.kill()
    guest.wait()
    scene.struck()
    scene.open("go")
    scene.ended(seconds=120)


def _staff(scene: Scene) -> set[int]:
    return {row["pid"] for row in scene.sql("SELECT pid FROM workers")}


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
