"""Jobs that harm who runs them: each must come to an end, say why, and leave the others alone."""

from __future__ import annotations

from sfa.chaos.faults import fault
from sfa.chaos.scene import Scene


@fault
def poison_for_its_worker(scene: Scene) -> None:
    """A job that kills its worker every time ends on the shelf after its crashes; the others complete."""
    bad = scene.submit(1, behaviour="kills_its_worker", wanted=("failed",))[0]
    scene.sql("UPDATE procrastinate_jobs SET priority = 5 WHERE id = %s", bad)
    good = scene.submit(4, seconds=0.2)
    for _ in range(8):
        worker = scene.hire()
        scene.until(
            lambda: worker.poll() is not None or scene.unfinished([bad, *good]) == 0,  # noqa: B023
            "the worker dies or all is done",
        )
        if not scene.unfinished([bad]):
            break
    scene.struck()
    if all(worker.poll() is not None for worker in scene.workers):
        scene.hire()
    # Whoever happened to run beside it each time may have used up its own crashes.
    scene.expect(good, "succeeded", "failed")


@fault
def poison_for_its_child(scene: Scene) -> None:
    """A job that kills its child every time, beside good ones."""
    scene.hire()
    scene.submit(1, behaviour="dies", wanted=("failed",))
    scene.submit(8, seconds=0.2)
    scene.struck()


@fault
def child_leaves_without_a_result(scene: Scene) -> None:
    """A child exits with 0 and no result line."""
    scene.hire()
    scene.submit(1, behaviour="leaves", wanted=("failed",))
    scene.submit(4)
    scene.struck()


@fault
def errors_that_repeat(scene: Scene) -> None:
    """A job that fails every time uses up its attempts and says why."""
    scene.hire()
    job = scene.submit(1, behaviour="errs", wanted=("failed",))[0]
    scene.ended()
    row = scene.sql("SELECT error FROM analysis_jobs WHERE queue_job_id = %s", job)[0]
    if "as it was told to" not in (row["error"] or ""):
        scene.find("untold", f"the error was {row['error']!r}")
    scene.struck()
    scene.submit(2)


@fault
def results_that_are_no_json(scene: Scene) -> None:
    """NaN, U+0000, lone surrogates and 2 MiB in a result: an end with a reason, whichever."""
    scene.hire()
    for behaviour in ("nan", "nul", "surrogate", "huge"):
        scene.submit(1, behaviour=behaviour, wanted=("succeeded", "failed"))
    scene.submit(4)
    scene.ended()
    for row in scene.sql(
        "SELECT queue_job_id FROM analysis_jobs WHERE status = 'failed' AND error IS NULL"
    ):
        scene.find("untold", f"job {row['queue_job_id']} failed without saying why")
    scene.struck()


@fault
def tasks_that_do_not_exist(scene: Scene) -> None:
    """Unknown tasks, arguments that fit no signature, and 20 MB of them, in the queue's own table."""
    scene.hire()
    bad = []
    for task, args in (
        ("no_such_task", "{}"),
        ("no_such_task", '{"job_id": null}'),
        ("housekeeping", '{"surprise": 1}'),
        ("no_such_task", '{"big": "' + "x" * 20_000_000 + '"}'),
    ):
        row = scene.sql(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('chaos', %s, %s::jsonb) RETURNING id",
            task, args,
        )[0]  # fmt: skip
        bad.append(row["id"])
    scene.expect(bad, "failed")
    scene.submit(4)
    scene.struck()
