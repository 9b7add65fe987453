"""The hot queries by their plans: none reads more than it shows, however many jobs there are."""

import psycopg
import pytest

from sfa.db import statement
from sfa.postgres.throwaway import Throwaway
from tests.web.rows import World

PLANS = ("job_page", "job_page_state", "job_counts", "job_running", "job_waiting", "job_failed")


@pytest.mark.parametrize("name", PLANS)
def test_no_page_reads_every_job(world: World, name: str, dsn: str, postgres: Throwaway) -> None:
    """With many jobs the hot queries walk an index of the user's and stop: nothing is scanned or sorted whole."""
    track = world.track()
    # Rows without their queue rows: the superuser may leave the triggers out.
    with psycopg.connect(f"{postgres.superuser_dsn} {dsn.rpartition(' ')[2]}") as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            """INSERT INTO processing_jobs (track_id, user_id, engine, status, finished_at, queue_job_id, inserted_at)
           SELECT %s, sfa_local_owner(), 'spectral', 'completed', now(), 1000000 + n, now() - n * interval '1 second'
           FROM generate_series(1, 20000) n""",
            [track],
        )
    world.connection.execute("ANALYZE processing_jobs, analysis_jobs, download_jobs, tracks")
    values = {
        "user_id": 1, "kind": None, "detail": None, "reason": None, "since": None,
        "before_at": None, "before_id": None, "size": 51, "status": "failed",
    }  # fmt: skip
    plan = world.connection.execute(
        b"EXPLAIN (ANALYZE, FORMAT JSON) " + statement(name).encode(), values
    ).fetchone()
    assert plan is not None
    read = _rows_read(plan["QUERY PLAN"][0]["Plan"])
    assert read < 3000, f"{name} read {read} rows"


def _rows_read(node: dict[str, object]) -> float:
    here = 0.0
    if "Relation Name" in node:
        rows = float(str(node["Actual Rows"])) + float(str(node.get("Rows Removed by Filter", 0)))
        here = rows * float(str(node["Actual Loops"]))
    children = node.get("Plans", [])
    assert isinstance(children, list)
    return here + sum(_rows_read(child) for child in children)
