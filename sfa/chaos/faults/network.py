"""A bad network between the workers and the database: half-open, slow, torn."""

from __future__ import annotations

import time

from sfa.chaos.faults import fault
from sfa.chaos.scene import Scene


@fault
def network_half_open(scene: Scene) -> None:
    """Connections live and nothing arrives any more, for four leases; another worker has a way of its own."""
    proxy = scene.proxy
    scene.hire()
    jobs = scene.submit(4, gate="go")
    for job in jobs:
        scene.running(job)
    other = scene.hire(DATABASE_URL=scene.dsn)
    proxy.set("swallow")
    began = time.monotonic()
    for job in jobs:
        scene.running(job, 2)
    if (took := time.monotonic() - began) > scene.lease + 5:
        scene.find(
            "lost", f"the jobs of a worker that was cut off ran again only after {took:.1f} s"
        )
    scene.until(lambda: time.monotonic() - began > scene.lease * 4, "four leases' time passes")
    proxy.set("reset")
    proxy.set("pass")
    scene.struck()
    scene.open("go")
    scene.ended()
    # The one that was cut off must work again, alone.
    scene.fire(other)
    scene.submit(4)


@fault
def network_slow(scene: Scene) -> None:
    """Every packet takes 50 ms, as across an ocean."""
    proxy = scene.proxy
    scene.hire()
    proxy.set("pass", 0.05)
    scene.submit(8, seconds=scene.lease * 1.5)
    scene.ended(seconds=120)
    proxy.set("pass")
    scene.struck()
    scene.submit(4)


@fault
def network_very_slow(scene: Scene) -> None:
    """Every packet takes 250 ms, under leases of 3 s: work gets done all the same, and the log says what to change."""
    proxy = scene.proxy
    worker = scene.hire()
    proxy.set("pass", 0.25)
    scene.submit(4, seconds=scene.lease * 1.5)
    scene.ended(seconds=120)
    proxy.set("pass")
    scene.struck()
    scene.submit(4)
    if again := scene.sql("SELECT count(*) AS n FROM attempts WHERE verdict = 'lost'")[0]["n"]:
        scene.note = f"{again} attempts were lost to the network"
    if "SFA_LEASE_SECONDS" not in scene.log(worker) and again:
        scene.find("untold", "leases ran out and the log does not say why")


@fault
def network_torn(scene: Scene) -> None:
    """Every connection is reset by the network three times; none can be made for a while."""
    proxy = scene.proxy
    scene.hire()
    scene.submit(30, seconds=0.3)
    for _ in range(3):
        scene.more(4)
        proxy.set("reset")
        scene.passes(0.5)
        proxy.set("pass")
    scene.struck()
