"""What a host has is claimed together with the job: never more than there is, and a big job does not starve."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from sfa.jobs.resources import offers
from tests.queue.test_attempts import LEASE, Bench, bench

__all__ = ["bench"]


def has(bench: Bench, name: str, capacity: float, host: str = "h") -> None:
    bench.db.execute(
        "INSERT INTO resources (host, name, capacity) VALUES (%s, %s, %s)", [host, name, capacity]
    )


def kind_needs(bench: Bench, needs: str, kind: str = "analysis") -> None:
    bench.db.execute("UPDATE job_kinds SET needs = %s WHERE task_name = %s", [needs, kind])


def elsewhere(bench: Bench, host: str, queue: str = "analysis") -> int:
    worker = bench.register()
    bench.db.execute(
        "UPDATE workers SET host = %s, queue_name = %s WHERE id = %s", [host, queue, worker]
    )
    return worker


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["job_id"] for row in rows]


def resource(bench: Bench, name: str) -> dict[str, Any]:
    return bench.one("SELECT capacity, used, waiting FROM sfa_resources WHERE name = %s", name)


def test_what_needs_nothing_is_claimed_as_ever(bench: Bench) -> None:
    has(bench, "gpu", 1)
    jobs = [bench.enqueue() for _ in range(3)]
    assert ids(bench.claim()) == jobs
    assert bench.one("SELECT bool_or(metered) AS m FROM queues")["m"] is False
    assert bench.one("SELECT count(*) AS n FROM leases WHERE held IS NOT NULL")["n"] == 0


def test_one_gpu_is_one_job_at_a_time_and_comes_back_however_it_ends(bench: Bench) -> None:
    has(bench, "gpu", 1)
    kind_needs(bench, '{"gpu": 1}')
    jobs = [bench.enqueue() for _ in range(4)]
    for number, end in enumerate(["completed", "lost", "reaped", "cancelled"]):
        claimed = bench.claim()
        assert len(claimed) == 1
        assert bench.claim() == []
        assert resource(bench, "gpu")["used"] == 1
        assert number > 0 or resource(bench, "gpu")["waiting"] == 3
        if end == "reaped":
            bench.expire()
            bench.reap()
        else:
            bench.finish(claimed[0]["job_id"], claimed[0]["token"], end)
        assert resource(bench, "gpu")["used"] == 0
    assert set(ids(bench.claim())) <= set(jobs)


def test_queues_of_one_host_share_it_and_another_host_has_its_own(bench: Bench) -> None:
    has(bench, "memory_gb", 8)
    has(bench, "memory_gb", 4, "other")
    kind_needs(bench, '{"memory_gb": 3}')
    kind_needs(bench, '{"memory_gb": 4}', "processing")
    for _ in range(3):
        bench.enqueue()
    track = bench.one("SELECT id FROM tracks LIMIT 1")["id"]
    bench.db.execute(
        "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
    )
    assert len(bench.claim()) == 2
    processing = "SELECT * FROM sfa_claim_v1(%s, 'processing', 5, %s)"
    assert bench.db.execute(processing, [bench.worker, LEASE]).fetchall() == []
    assert (
        len(
            bench.db.execute(
                processing, [elsewhere(bench, "other", "processing"), LEASE]
            ).fetchall()
        )
        == 1
    )
    assert bench.claim(worker=elsewhere(bench, "other")) == []


def test_a_host_without_it_leaves_the_job_to_one_that_has(bench: Bench) -> None:
    has(bench, "gpu", 1, "other")
    kind_needs(bench, '{"gpu": 1}')
    job = bench.enqueue()
    assert bench.claim() == []
    assert bench.one("SELECT count(*) AS n FROM resource_waits")["n"] == 0
    assert ids(bench.claim(worker=elsewhere(bench, "other"))) == [job]


def test_what_all_hosts_share_is_counted_over_all(bench: Bench) -> None:
    has(bench, "licence", 2, "*")
    kind_needs(bench, '{"licence": 1}')
    for _ in range(4):
        bench.enqueue()
    assert len(bench.claim(1)) == 1
    other = elsewhere(bench, "other")
    assert len(bench.claim(worker=other)) == 1
    assert bench.claim() == bench.claim(worker=other) == []


def needing(bench: Bench, amount: int) -> int:
    return bench.enqueue(needs=f'{{"memory_gb": {amount}}}')


def finish_one(bench: Bench, claimed: list[dict[str, Any]]) -> None:
    done = claimed.pop(0)
    bench.finish(done["job_id"], done["token"], "completed")


def test_a_small_job_passes_a_big_one_until_that_has_waited_long_enough(bench: Bench) -> None:
    has(bench, "memory_gb", 4)
    running = [needing(bench, 2), needing(bench, 2)]
    claimed = bench.claim()
    assert ids(claimed) == running
    big, small = needing(bench, 4), needing(bench, 2)
    assert bench.claim() == []
    finish_one(bench, claimed)
    passed = bench.claim()
    assert ids(passed) == [small]  # there is no room for the big one, and it has just come
    others = [needing(bench, 2) for _ in range(3)]
    bench.db.execute(
        "UPDATE resource_waits SET since = now() - interval '1 minute' WHERE job_id = %s", [big]
    )
    finish_one(bench, claimed)
    assert bench.claim() == []  # half of it is free, and kept for the big one
    assert bench.one("SELECT waiting FROM sfa_resources")["waiting"] == 4
    finish_one(bench, passed)
    assert ids(bench.claim()) == [big]
    assert bench.claim() == []
    assert len(others) == 3


def test_what_waits_longest_goes_first_among_those_past_their_patience(bench: Bench) -> None:
    has(bench, "memory_gb", 4)
    holder = needing(bench, 3)
    claimed = bench.claim()
    assert ids(claimed) == [holder]
    first, second = needing(bench, 4), needing(bench, 3)
    bench.claim()
    bench.db.execute(
        "UPDATE resource_waits SET since = now() - CASE job_id WHEN %s THEN interval '1 hour' ELSE interval '2 hours' END",
        [first],
    )
    finish_one(bench, claimed)
    assert ids(bench.claim()) == [second]


def test_a_wait_on_a_host_whose_workers_left_blocks_nobody(bench: Bench) -> None:
    has(bench, "memory_gb", 4)
    holder = needing(bench, 3)
    claimed = bench.claim()
    needing(bench, 4)
    bench.claim()
    bench.db.execute(
        "UPDATE resource_waits SET since = now() - interval '1 hour', seen_at = now() - interval '1 minute'"
    )
    bench.db.execute(
        "UPDATE procrastinate_jobs SET scheduled_at = '2100-01-01' WHERE status = 'todo'"
    )
    finish_one(bench, claimed)
    small = needing(bench, 2)
    assert ids(bench.claim()) == [small]
    assert holder


def test_claims_of_the_same_instant_never_take_more_than_there_is(bench: Bench, dsn: str) -> None:
    has(bench, "gpu", 2)
    kind_needs(bench, '{"gpu": 1}')
    for _ in range(40):
        bench.enqueue()
    most: list[int] = []
    start = threading.Barrier(4)

    def work(worker: int) -> None:
        with psycopg.Connection[dict[str, Any]].connect(
            dsn, autocommit=True, row_factory=dict_row
        ) as db:
            start.wait()
            for _ in range(12):
                claimed = db.execute(
                    "SELECT * FROM sfa_claim_v1(%s, 'analysis', 3, %s)", [worker, LEASE]
                ).fetchall()
                row = db.execute("SELECT count(*) AS n FROM leases").fetchone()
                most.append(row["n"] if row else 0)
                for one in claimed:
                    db.execute(
                        "SELECT sfa_ack_v1(ARRAY[%s::bigint], ARRAY[%s::uuid], ARRAY[NULL::jsonb])",
                        [one["job_id"], one["token"]],
                    )

    threads = [threading.Thread(target=work, args=[bench.register()]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert 0 < max(most) <= 2
    assert bench.one("SELECT count(*) AS n FROM attempts")["n"] > 10


def test_a_jobs_own_needs_stand_in_place_of_its_kinds(bench: Bench) -> None:
    has(bench, "gpu", 4)
    kind_needs(bench, '{"gpu": 3}')
    track = str(bench.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id")["id"])
    column = bench.enqueue(needs='{"gpu": 1}')
    args = bench.one(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('analysis', 'analysis', jsonb_build_object('track_id', %s::text, 'needs', '{\"gpu\": 1}'::jsonb)) RETURNING id",
        track,
    )["id"]
    by_hand = bench.enqueue()
    assert bench.one("SELECT sfa_need(%s::bigint, '{\"gpu\": 2}') AS done", by_hand)["done"] is True
    kinds_own = bench.enqueue(needs="{}")
    assert ids(bench.claim()) == [column, args, by_hand, kinds_own]
    assert bench.one("SELECT sfa_need(%s::bigint, '{}') AS done", column)["done"] is False


def in_the_middle(
    bench: Bench, dsn: str, lock: str, change: list[str], *parameters: object
) -> None:
    """Claim while somebody holds a lock that the claim comes to wait for, and changes things meanwhile."""
    with psycopg.Connection[dict[str, Any]].connect(dsn, row_factory=dict_row) as holder:
        holder.execute(lock.encode(), parameters)
        claim = threading.Thread(target=bench.claim)
        claim.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%sfa_claim%%'"
        with psycopg.connect(dsn, autocommit=True) as watch:
            for _ in range(3000):
                if watch.execute(waiting).fetchone() == (1,):
                    break
            else:
                pytest.fail("the claim did not wait")
        for statement in change:
            holder.execute(statement.encode())
        holder.commit()
        claim.join(30)


def test_needs_that_change_while_a_claim_reckons_count(bench: Bench, dsn: str) -> None:
    has(bench, "memory_gb", 4)
    first, second, big = needing(bench, 2), needing(bench, 2), needing(bench, 3)
    wait = "INSERT INTO resource_waits (job_id, host, needs) VALUES (%s, 'h', '{}')"
    change = f"SELECT sfa_need({first}::bigint, '{{\"memory_gb\": 4}}')"
    in_the_middle(bench, dsn, wait, [change], big)
    rows = bench.db.execute("SELECT job_id, held FROM leases").fetchall()
    assert rows == [{"job_id": second, "held": {"memory_gb": 2}}]


def test_the_first_that_needs_anything_is_not_taken_for_one_that_needs_nothing(
    bench: Bench, dsn: str
) -> None:
    has(bench, "gpu", 1)
    track = bench.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id")["id"]
    bench.db.execute("UPDATE queues SET breaker = 'half_open'")
    insert = f"INSERT INTO analysis_jobs (track_id, needs) VALUES ('{track}', '{{\"gpu\": 1}}')"
    lock = "SELECT FROM queues WHERE name = 'analysis' FOR UPDATE"
    in_the_middle(bench, dsn, lock, [insert])
    assert bench.one("SELECT held FROM leases")["held"] == {"gpu": 1}


def test_what_is_held_counts_though_its_workers_row_is_gone(bench: Bench) -> None:
    has(bench, "gpu", 1)
    kind_needs(bench, '{"gpu": 1}')
    for _ in range(2):
        bench.enqueue()
    assert len(bench.claim()) == 1
    # As Procrastinate's own worker does to one whose heartbeat is late.
    bench.db.execute("DELETE FROM procrastinate_workers WHERE id = %s", [bench.worker])
    assert resource(bench, "gpu")["used"] == 1
    assert bench.claim(worker=bench.register()) == []
    bench.expire()
    assert bench.reap() == 1
    assert resource(bench, "gpu")["used"] == 0


@pytest.mark.parametrize(
    ("needs", "rule"),
    [("[]", "needs_object"), ('{"gpu": 0}', "needs_amount"), ('{"gpu": "all"}', "needs_amount"),
     ('{"gpu": 2}', "needs_met_somewhere"), ('{"tape": 1}', "needs_met_somewhere")],
)  # fmt: skip
def test_what_no_host_could_give_is_refused(bench: Bench, needs: str, rule: str) -> None:
    has(bench, "gpu", 1)
    for attempt in (lambda: kind_needs(bench, needs), lambda: bench.enqueue(needs=needs)):
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            attempt()
        assert caught.value.diag.constraint_name == rule
    assert bench.one("SELECT count(*) AS n FROM procrastinate_jobs")["n"] == 0


def test_a_worker_tells_what_its_host_has() -> None:
    found = offers()
    assert found["cores"] >= 1
    assert found["memory_gb"] > 0.1
