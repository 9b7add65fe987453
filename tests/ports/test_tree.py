"""The tree of processes, as `SELECT * FROM sfa_tree` shows it."""

from __future__ import annotations

import dataclasses
import json

from tests.jobs.conftest import studio
from tests.jobs.studio import Studio

__all__ = ["studio"]

POOL = {"name": "analyzer/cpu", "strategy": "one_for_one", "size": 2, "restarts": 1, "max_restarts": 20, "window_seconds": 60}  # fmt: skip
OWN = {**POOL, "name": "services", "strategy": "rest_for_one", "restarts": 0, "rss": 7000}


async def _report(studio: Studio, worker: int, children: list[dict[str, object]]) -> None:
    await studio.db.execute(
        "SELECT sfa_report_v1(%s, %s, %s, true)",
        [worker, json.dumps([OWN, POOL]), json.dumps(children)],
    )


async def test_programs_workers_pools_children_and_leases_are_one_tree(studio: Studio) -> None:
    await studio.db.execute(
        "INSERT INTO programs (host, name, state, pid, max_restarts, window_seconds) VALUES ('h', 'worker-analysis', 'RUNNING', 10, 5, 60)"
    )
    worker = (
        await studio.one(
            """WITH w AS (SELECT worker_id AS id FROM procrastinate_register_worker_v1())
            INSERT INTO workers (id, name, host, host_key, pid, pid_started, queue_name)
            SELECT id, 'worker-analysis', 'h', 'k', 10, 1, 'analysis' FROM w RETURNING id"""
        )
    )["id"]
    for _ in range(2):
        track = (await studio.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id"))["id"]
        await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
    rows = await (
        await studio.db.execute(
            "SELECT job_id FROM sfa_claim_v1(%s, 'analysis', 2, '1 hour')", [worker]
        )
    ).fetchall()
    busy, alone = (row["job_id"] for row in rows)
    child: dict[str, object] = {
        "port": "analyzer", "device": "cpu", "state": "busy", "pid": 11, "rss": 5000, "calls": 3,
        "queue_job_id": busy, "age": 60,
    }  # fmt: skip
    await _report(
        studio, worker, [child, {**child, "pid": 12, "state": "idle", "queue_job_id": None}]
    )
    tree = await (await studio.db.execute("SELECT * FROM sfa_tree ORDER BY path")).fetchall()
    assert [(row["kind"], row["depth"], row["pid"]) for row in tree] == [
        ("program", 1, 10),
        ("worker", 2, 10),
        ("pool", 3, None),
        ("child", 4, 11),
        ("child", 4, 12),
        ("job", 3, None),
    ]
    assert tree[1]["rss"] == 7000
    working = tree[3]
    assert (working["queue_job_id"], working["job_kind"], working["calls"]) == (busy, "analysis", 3)
    assert working["lease_left"].total_seconds() > 3000
    assert (tree[2]["restarts"], tree[2]["max_restarts"]) == (1, 20)
    assert tree[5]["queue_job_id"] == alone
    await studio.db.execute(
        "UPDATE workers SET seen_at = now() - lease - interval '1 second' WHERE id = %s", [worker]
    )
    silent = await (await studio.db.execute("SELECT kind, state FROM sfa_tree")).fetchall()
    assert {row["state"] for row in silent if row["kind"] != "program"} == {"silent"}
    await studio.db.execute("UPDATE programs SET state = 'EXITED', pid = NULL, signal = 'SIGKILL'")
    ended = await studio.one("SELECT state, ended FROM sfa_tree WHERE kind = 'program'")
    assert ended == {"state": "exited", "ended": "SIGKILL"}
    await _report(studio, worker, [])
    left = await studio.one("SELECT count(*) AS n FROM sfa_tree WHERE kind = 'child'")
    assert left["n"] == 0
    await studio.db.execute("DELETE FROM procrastinate_workers WHERE id = %s", [worker])
    left = await studio.one("SELECT count(*) AS n FROM sfa_tree")
    assert left["n"] == 1


async def test_children_that_are_to_be_kept_ready_are_there_before_the_first_job(
    studio: Studio,
) -> None:
    ready = dataclasses.replace(studio.config, children_ready=2)
    async with Studio(ready, studio.db).worker("analysis"):
        row = await studio.until(
            "SELECT array_agg(DISTINCT state) AS states, count(*) AS n, sum(calls) AS calls FROM port_children WHERE port = 'analyzer'",
            expect=lambda row: row["n"] >= 2,
        )
    assert row == {"states": ["idle"], "n": 2, "calls": 0}
