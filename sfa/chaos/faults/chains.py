"""What follows what, while everything around it is killed, cancelled and sent back."""

from __future__ import annotations

import contextlib
import os
import signal
import threading

import psycopg

from sfa.chaos.faults import fault
from sfa.chaos.rules import out_of_line
from sfa.chaos.scene import Scene

EITHER = ("succeeded", "failed", "aborted", "cancelled")
Links = list[tuple[int, int]]


def _chain(scene: Scene, length: int, links: Links, **plan: object) -> list[int]:
    """Jobs each of which follows the one before."""
    jobs: list[int] = []
    for _ in range(length):
        after = jobs[-1] if jobs else None
        jobs += scene.submit(1, after=after, **plan)  # type: ignore[arg-type]
        if after:
            links.append((jobs[-1], after))
    return jobs


def _told(scene: Scene, links: Links) -> None:
    """Everything has ended; nobody was early, none is held, and a link stands only where the chain broke."""
    scene.ended()
    ids = {job for link in links for job in link}
    completed = {
        row["id"]
        for row in scene.sql(
            "SELECT id FROM procrastinate_jobs WHERE id = ANY (%s) AND status = 'succeeded'",
            list(ids),
        )
    }
    for text in out_of_line(scene.effects.read(), links, completed):
        scene.find("doubled", text)
    for row in scene.sql(
        "SELECT l.job_id FROM job_links l JOIN procrastinate_jobs j ON j.id = l.job_id WHERE j.status <> 'cancelled'"
    ):
        scene.find("untold", f"job {row['job_id']} has ended and still follows something")


def _together(scene: Scene, *statements: tuple[str, int]) -> list[str]:
    """Run statements at the same moment, each on a connection of its own; what was refused."""
    gate = threading.Barrier(len(statements))
    refused: list[str] = []

    def one(statement: str, job: int) -> None:
        with scene.connect() as db:
            db.execute("SELECT 1")
            gate.wait(30)
            try:
                db.execute(statement.encode(), [job])
            except psycopg.Error as error:
                refused.append(str(error).splitlines()[0])

    threads = [threading.Thread(target=one, args=statement) for statement in statements]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return refused


@fault
def chains_under_kills(scene: Scene) -> None:
    """Six chains of five, while children and workers are killed at random: nobody begins before its time."""
    scene.sql("UPDATE job_kinds SET max_crashes = 100")
    links: Links = []
    scene.hire()
    scene.hire()
    for _ in range(6):
        _chain(scene, 5, links, seconds=0.4)
    for _ in range(6):
        scene.more(4)
        worker = scene.random.choice([one for one in scene.workers if one.poll() is None])
        if scene.random.random() < 0.5:
            worker.kill()
            worker.wait()
            scene.hire()
        else:
            for pid in scene.children(worker):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    scene.struck()
    _told(scene, links)


@fault
def chains_over_a_database_crash(scene: Scene) -> None:
    """The database crashes twice in the middle of chains: links and holds are as they were."""
    links: Links = []
    scene.hire()
    for _ in range(4):
        _chain(scene, 4, links, seconds=0.3)
    for _ in range(2):
        scene.more(6)
        scene.server.halt(signal.SIGQUIT)
        scene.server.start()
    scene.struck()
    _told(scene, links)


@fault
def chains_that_break_and_are_sent_back(scene: Scene) -> None:
    """The first of a chain fails for good: the rest is cancelled with it, and comes back with it."""
    links: Links = []
    scene.hire()
    chains = [_chain(scene, 4, links, behaviour="errs", cure="cured") for _ in range(3)]
    everyone = [job for chain in chains for job in chain]
    scene.expect(everyone, *EITHER)
    scene.ended()
    for chain in chains:
        if [scene.status(job) for job in chain] != [
            "failed",
            "cancelled",
            "cancelled",
            "cancelled",
        ]:
            scene.find("untold", f"a chain broke to {[scene.status(job) for job in chain]}")
    scene.open("cured")
    scene.expect(everyone, "succeeded")
    for chain in chains:
        scene.sql("SELECT sfa_retry(%s::bigint)", chain[0])
    scene.struck()
    _told(scene, links)


@fault
def chains_with_two_before_one(scene: Scene) -> None:
    """Jobs that follow two: both end at the same moment; both fail, and are sent back one by one."""
    links: Links = []
    scene.hire()
    rounds = []
    for number in range(12):
        pair = scene.submit(2, gate=f"gate-{number}")
        join = scene.submit(1, after=pair[0])[0]
        scene.sql("SELECT sfa_follow(%s::bigint, %s::bigint)", join, pair[1])
        links += [(join, pair[0]), (join, pair[1])]
        for job in pair:
            scene.running(job)
        scene.open(f"gate-{number}")
        rounds.append((pair, join))
    scene.ended()
    broken = []
    for _ in range(3):
        pair = scene.submit(2, behaviour="errs", cure="cured", wanted=EITHER)
        join = scene.submit(1, after=pair[0], wanted=EITHER)[0]
        scene.sql("SELECT sfa_follow(%s::bigint, %s::bigint)", join, pair[1])
        links += [(join, pair[0]), (join, pair[1])]
        broken.append((pair, join))
    scene.ended()
    scene.open("cured")
    for pair, join in broken:
        scene.expect([*pair, join], "succeeded")
        for job in pair:
            scene.sql("SELECT sfa_retry(%s::bigint)", job)
    scene.struck()
    _told(scene, links)


@fault
def chains_cancelled_at_every_moment(scene: Scene) -> None:
    """Two links of a chain are cancelled at once, or one while the one before it completes: no deadlock, none held."""
    links: Links = []
    scene.hire()
    refused: list[str] = []
    for number in range(12):
        jobs = _chain(scene, 4, links, gate=f"gate-{number}")
        scene.expect(jobs, *EITHER)
        scene.running(jobs[0])
        one, other = scene.random.sample(range(4), 2)
        if number % 3 == 0:
            scene.open(f"gate-{number}")
            scene.passes(scene.random.uniform(0, 0.08))
        cancel = "SELECT sfa_cancel(%s::bigint)"
        many = "SELECT sfa_cancel_many(ARRAY[%s]::bigint[])"
        refused += _together(scene, (cancel, jobs[one]), (many, jobs[other]))
        scene.open(f"gate-{number}")
    scene.struck()
    for text in refused:
        scene.find("untold", f"a cancellation was refused: {text}")
    _told(scene, links)


@fault
def chains_sent_back_at_every_moment(scene: Scene) -> None:
    """Predecessors and what follows them are sent back and cancelled by several at once."""
    links: Links = []
    scene.hire()
    everyone: list[int] = []
    for number in range(8):
        jobs = _chain(scene, 3, links, gate=f"gate-{number}")
        everyone += jobs
        scene.expect(jobs, *EITHER)
        scene.running(jobs[0])
        scene.sql("SELECT sfa_cancel(%s::bigint)", jobs[0])
        scene.ended(jobs)
        retry, cancel = "SELECT sfa_retry(%s::bigint)", "SELECT sfa_cancel(%s::bigint)"
        for text in _together(
            scene, (retry, jobs[0]), (retry, jobs[1]), (cancel, jobs[2]), (retry, jobs[0])
        ):
            # A follower can't be sent back before what it follows: that one is refused by rule.
            if "did not complete" not in text:
                scene.find("untold", f"refused: {text}")
        scene.open(f"gate-{number}")
    scene.struck()
    _told(scene, links)


@fault
def chains_linked_while_the_first_ends(scene: Scene) -> None:
    """A job is linked to another in the moment in which that completes or fails: it runs or is refused, and is never held."""
    links: Links = []
    scene.sql("UPDATE job_kinds SET max_attempts = 1")
    scene.hire()
    refused = 0
    for number in range(24):
        bad = number % 4 == 3
        first = scene.submit(
            1, gate=f"gate-{number}", behaviour="errs" if bad else "good",
            wanted=("failed",) if bad else ("succeeded",),
        )[0]  # fmt: skip
        scene.running(first)
        scene.open(f"gate-{number}")
        scene.passes(scene.random.uniform(0, 0.1))
        try:
            second = scene.submit(1, after=first, wanted=("cancelled",) if bad else ("succeeded",))[
                0
            ]
            links.append((second, first))
        except psycopg.errors.CheckViolation:
            refused += 1
            if not bad:
                scene.find("untold", "a link to a job that completes was refused")
    scene.note = f"{refused} refused"
    scene.struck()
    _told(scene, links)


@fault
def chain_of_500(scene: Scene) -> None:
    """A chain of 500 is cancelled at its head, sent back, and completes link by link."""
    links: Links = []
    jobs = _chain(scene, 500, links, wanted=EITHER)
    scene.sql("SELECT sfa_cancel(%s::bigint)", jobs[0])
    if left := scene.unfinished(jobs):
        scene.find("untold", f"{left} of a chain live although its head was cancelled")
    scene.sql("SELECT sfa_retry(%s::bigint)", jobs[0])
    scene.expect(jobs, "succeeded")
    scene.hire()
    scene.struck()
    scene.ended(seconds=120)
    _told(scene, links)
