"""Many at once: the same work from many sessions, priorities under way, and jobs that are put off again and again."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable

import psycopg

from sfa.chaos.faults import fault
from sfa.chaos.rules import impatient
from sfa.chaos.scene import Scene
from sfa.chaos.server import Row

EITHER = ("succeeded", "aborted", "cancelled")
# Three ways to ask for the same work: the first answers with a job's id, the others with its queue row's.
DOORS = (
    "SELECT sfa_enqueue('chaos', jsonb_build_object('track_id', %s::uuid)) AS made",
    "INSERT INTO analysis_jobs (track_id, task_name) VALUES (%s, 'chaos') RETURNING queue_job_id AS id",
    """INSERT INTO procrastinate_jobs (queue_name, task_name, args)
       VALUES ('chaos', 'chaos', jsonb_build_object('track_id', %s::uuid)) RETURNING id""",
)


def _crowd(scene: Scene, count: int, each: Callable[[psycopg.Connection[Row], int], None]) -> None:
    """Many sessions that begin at the same moment."""
    gate = threading.Barrier(count)

    def one(number: int) -> None:
        with scene.connect() as db:
            db.execute("SELECT 1")
            gate.wait(30)
            each(db, number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)


@fault
def same_work_from_many_sessions(scene: Scene) -> None:
    """Twelve sessions ask for the same work at once, by three doors: one job of it is active at any time."""
    scene.hire()
    answered: list[tuple[str, int]] = []
    broken: list[str] = []
    tracks = [
        str(
            scene.sql("INSERT INTO tracks (title) VALUES (%s) RETURNING id", f'{{"seconds": {s}}}')[
                0
            ]["id"]
        )
        for s in (0, 0, 0.05, 0.2, 0.5)
    ]

    def ask(db: psycopg.Connection[Row], number: int) -> None:
        until = time.monotonic() + 3
        while time.monotonic() < until:
            for track in tracks:
                try:
                    row = db.execute(DOORS[number % 3].encode(), [track]).fetchone()
                    if row is not None and "made" in row:
                        known = "SELECT queue_job_id AS id FROM sfa_jobs WHERE id = %s"
                        row = db.execute(known, [row["made"]]).fetchone()
                    if row is None:
                        broken.append("sfa_enqueue answered with a job that does not exist")
                    else:
                        answered.append((track, row["id"]))
                except psycopg.errors.UniqueViolation as error:
                    if error.diag.constraint_name != "analysis_jobs_one_active":
                        broken.append(str(error))
                except psycopg.Error as error:
                    broken.append(str(error).splitlines()[0])

    _crowd(scene, 12, ask)
    scene.struck()
    jobs = {job for _, job in answered}
    scene.expect(list(jobs), "succeeded")
    scene.ended()
    scene.note = f"{len(answered)} answers, {len(jobs)} jobs"
    for text in broken[:5]:
        scene.find("untold", text)
    made = {row["id"] for row in scene.sql("SELECT queue_job_id AS id FROM analysis_jobs")}
    if made != jobs:
        scene.find("lost", f"jobs that nobody was told of: {sorted(made ^ jobs)[:5]}")
    # At work at a time: by the children, over all jobs of a track.
    for track in tracks:
        mine = {job for asked, job in answered if asked == track}
        spans = sorted(
            (scene.effects.of(job, "start")[0].at, scene.effects.of(job, "end")[-1].at, job)
            for job in mine if scene.effects.of(job, "end")
        )  # fmt: skip
        for (_, ended, first), (began, _, second) in itertools.pairwise(spans):
            if began < ended:
                scene.find("doubled", f"jobs {first} and {second} did the same work at a time")


@fault
def same_work_sent_back_and_asked_for(scene: Scene) -> None:
    """What was cancelled is sent back by some while others ask for the same work anew: one is active, all end."""
    scene.hire()
    for number in range(6):
        job = scene.submit(1, gate=f"gate-{number}", wanted=EITHER)[0]
        track = scene.sql("SELECT track_id FROM analysis_jobs WHERE queue_job_id = %s", job)[0][
            "track_id"
        ]
        scene.running(job)
        scene.sql("SELECT sfa_cancel(%s::bigint)", job)
        scene.ended([job])
        broken: list[str] = []

        def work(
            db: psycopg.Connection[Row],
            who: int,
            job: int = job,
            track: object = track,
            broken: list[str] = broken,
        ) -> None:
            try:
                if who % 2:
                    db.execute(DOORS[0].encode(), [track])
                else:
                    db.execute("SELECT sfa_retry(%s::bigint)", [job])
            except psycopg.errors.UniqueViolation:
                pass
            except psycopg.Error as error:
                broken.append(str(error).splitlines()[0])

        _crowd(scene, 8, work)
        for text in broken[:2]:
            scene.find("untold", text)
        active = scene.sql(
            "SELECT queue_job_id AS id FROM analysis_jobs WHERE track_id = %s AND finished_at IS NULL",
            track,
        )
        if len(active) != 1:
            scene.find("doubled", f"{len(active)} jobs of the same work are active")
        scene.expect([row["id"] for row in active], "succeeded")
        scene.open(f"gate-{number}")
    scene.struck()


@fault
def priorities_under_way(scene: Scene) -> None:
    """One slot, fifty jobs whose priorities many sessions change until it is free; its worker is killed twice."""
    scene.sql("UPDATE queues SET concurrency = 1 WHERE name = 'chaos'")
    scene.sql("UPDATE job_kinds SET max_crashes = 100 WHERE task_name = 'chaos'")
    worker = scene.hire()
    block = scene.submit(1, gate="go")[0]
    scene.running(block)
    jobs: list[int] = []
    for _ in range(50):
        jobs += scene.submit(1, priority=scene.random.randint(-5, 5), seconds=0.05)
    choices = [[scene.random.randint(-9, 9) for _ in jobs] for _ in range(4)]

    def shuffle(db: psycopg.Connection[Row], number: int) -> None:
        for job, priority in zip(jobs, choices[number], strict=True):
            db.execute("SELECT sfa_prioritise(%s::bigint, %s)", [job, priority])

    _crowd(scene, 4, shuffle)
    priorities = {
        row["id"]: row["priority"]
        for row in scene.sql(
            "SELECT id, priority FROM procrastinate_jobs WHERE id = ANY (%s)", jobs
        )
    }
    scene.open("go")
    for _ in range(2):
        scene.more(10)
        worker.kill()
        worker.wait()
        worker = scene.hire()
    scene.struck()
    scene.ended()
    for text in impatient(scene.effects.read(), priorities, set(jobs)):
        scene.find("untold", text)


@fault
def snoozed_again_and_again(scene: Scene) -> None:
    """Running jobs are put off five times each, some as their worker is killed: no attempt is used, none is early."""
    scene.sql("UPDATE job_kinds SET max_attempts = 1, max_crashes = 1 WHERE task_name = 'chaos'")
    scene.hire()
    worker = scene.hire()
    jobs = scene.submit(4, gate="go")
    asked = []
    for number in range(5):
        for job in jobs:
            scene.running(job, number + 1)
        asked += scene.sql(
            "SELECT sfa_snooze(id, '0.7 seconds') AS done FROM unnest(%s::bigint[]) id", jobs
        )
        if number in (1, 3):
            worker.kill()
            worker.wait()
            worker = scene.hire()
        if number == 2:
            scene.server.halt(signal.SIGQUIT)
            scene.server.start()
    for job in jobs:
        scene.running(job, 6)
    scene.open("go")
    scene.struck()
    scene.ended()
    if not all(row["done"] for row in asked):
        scene.find("untold", "a running job could not be put off")
    for row in scene.sql(
        "SELECT id, attempts FROM procrastinate_jobs WHERE id = ANY (%s) AND attempts <> 1", jobs
    ):
        scene.find("untold", f"job {row['id']} was put off and has used {row['attempts']} attempts")
    for row in scene.sql(
        "SELECT DISTINCT verdict::text FROM attempts WHERE verdict NOT IN ('released', 'completed')"
    ):
        scene.find("untold", f"an attempt that was put off is {row['verdict']}")
    early = scene.sql(
        "SELECT job_id FROM (SELECT job_id, verdict, started_at, lag(ended_at) OVER (PARTITION BY job_id ORDER BY id) AS before"
        " FROM attempts) a WHERE before IS NOT NULL AND started_at < before + interval '0.7 seconds'"
    )
    for row in early:
        scene.find("untold", f"job {row['job_id']} began again before its time")
