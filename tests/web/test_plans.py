"""The hot queries by their plans: none reads more than it shows, however many jobs there are."""

from dataclasses import replace

import psycopg
import pytest

from sfa.db import statement
from sfa.postgres.throwaway import Throwaway
from sfa.web.pages.tracks import SORTS, Wanted
from tests.web.rows import World

PLANS: dict[str, tuple[str, dict[str, object]]] = {
    **{
        name: (name, {})
        for name in (
            "job_page",
            "job_page_state",
            "job_counts",
            "job_running",
            "job_waiting",
            "job_failed",
        )
    },
    "a rare model": ("job_page", {"detail": "mdx_extra"}),
    "a model that nothing was made with": ("job_page", {"detail": "htdemucs_ft"}),
    "a rare kind": ("job_page", {"kind": "export"}),
    "an empty kind": ("job_page", {"kind": "import"}),
    "a rare reason": ("job_page", {"reason": "crash"}),
    "a rare model that failed": ("job_page_state", {"detail": "mdx_extra"}),
    "tracks": ("track_list", {}),
}
"""What is shown, by which statement, with which filters."""


@pytest.mark.parametrize("what", PLANS)
def test_no_page_reads_every_job(world: World, what: str, dsn: str, postgres: Throwaway) -> None:
    """With many jobs the hot queries walk an index of the user's and stop: nothing is scanned or sorted whole."""
    world.connection.execute(
        "INSERT INTO tracks (title) SELECT 'Song ' || n FROM generate_series(1, 2000) n"
    )
    # Rows without their queue rows: the superuser may leave the triggers out.
    with psycopg.connect(f"{postgres.superuser_dsn} {dsn.rpartition(' ')[2]}") as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            """INSERT INTO processing_jobs (track_id, user_id, engine, model, operation, task_name, status, error, error_kind, finished_at, queue_job_id, inserted_at)
           SELECT ids[1 + n % 2000], sfa_local_owner(), 'spectral', CASE WHEN n % 5000 = 7 THEN 'mdx_extra' ELSE 'spectral' END,
                  (CASE WHEN n % 4000 = 9 THEN 'export' ELSE 'separate' END)::processing_operation,
                  CASE WHEN n % 4000 = 9 THEN 'export' ELSE 'processing' END,
                  (CASE WHEN n % 5000 = 3 THEN 'failed' ELSE 'completed' END)::job_status,
                  CASE WHEN n % 5000 = 3 THEN 'x' END, (CASE WHEN n % 5000 = 3 THEN 'crash' END)::error_kind,
                  now(), 1000000 + n, now() - n * interval '1 second'
           FROM generate_series(1, 20000) n, (SELECT array_agg(id) AS ids FROM tracks) t"""
        )
    name, more = PLANS[what]
    world.connection.execute("ANALYZE processing_jobs, analysis_jobs, download_jobs, tracks")
    values = {
        "user_id": 1, "kind": None, "detail": None, "reason": None, "since": None,
        "before_at": None, "before_id": None, "size": 51, "status": "failed", "q": "",
    } | more  # fmt: skip
    plan = world.connection.execute(
        b"EXPLAIN (ANALYZE, FORMAT JSON) " + statement(name).encode(), values
    ).fetchone()
    assert plan is not None
    read = _rows_read(plan["QUERY PLAN"][0]["Plan"])
    assert read < 3000, f"{what} read {read} rows"


def test_a_page_of_users_reads_no_more_than_it_shows(world: World) -> None:
    world.connection.execute(
        "INSERT INTO users (email) SELECT 'u' || n || '@example.org' FROM generate_series(1, 20000) n"
    )
    world.connection.execute(
        "INSERT INTO tracks (title, user_id, audio_key, audio_bytes) SELECT 'Song', 20001 - n % 2, 'audio/a.wav', 1000 FROM generate_series(1, 8000) n"
    )
    # Changes of an hour, a row each; the rest of what there is to change has been folded.
    for n in range(50):
        world.connection.execute("UPDATE tracks SET audio_bytes = 1001 WHERE id = (SELECT id FROM tracks ORDER BY id OFFSET %s LIMIT 1)", [n])  # fmt: skip
    world.connection.execute(
        "ANALYZE users, user_tokens, tracks, stems, exports, audit_log, user_storage, user_storage_changes"
    )
    values = {"before": None, "q": "", "role": None, "status": None, "size": 51}
    plan = world.connection.execute(
        b"EXPLAIN (ANALYZE, FORMAT JSON) " + statement("user_page").encode(), values
    ).fetchone()
    assert plan is not None
    read = _rows_read(plan["QUERY PLAN"][0]["Plan"])
    assert read < 3000, f"the page read {read} rows"


def test_a_page_of_batches_counts_those_of_the_page_only(
    world: World, dsn: str, postgres: Throwaway
) -> None:
    """Two thousand batches of five: each page counts the members of its own batches."""
    with psycopg.connect(f"{postgres.superuser_dsn} {dsn.rpartition(' ')[2]}") as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            "INSERT INTO tracks (title, user_id) SELECT 'Song ' || n, 1 FROM generate_series(1, 5) n"
        )
        superuser.execute(
            """INSERT INTO batch_jobs (user_id, model, track_ids, inserted_at)
               SELECT 1, 'spectral', (SELECT array_agg(id) FROM tracks), now() - n * interval '1 minute'
               FROM generate_series(1, 2000) n"""
        )
        superuser.execute(
            """INSERT INTO batch_members (batch_id, track_id, position, reason)
               SELECT b.id, t.id, row_number() OVER (PARTITION BY b.id), 'x' FROM batch_jobs b, tracks t"""
        )
    world.connection.execute("ANALYZE batch_jobs, batch_members, tracks")
    middle = world.one("SELECT inserted_at, id FROM batch_jobs ORDER BY 1 DESC OFFSET 1000 LIMIT 1")
    for at, id_ in ((None, None), (middle["inserted_at"], middle["id"])):
        plan = world.connection.execute(
            b"EXPLAIN (ANALYZE, FORMAT JSON) " + statement("batch_list").encode(),
            {"user_id": 1, "before_at": at, "before_id": id_, "size": 51},
        ).fetchone()
        assert plan is not None
        read = _rows_read(plan["QUERY PLAN"][0]["Plan"])
        assert read < 3000, f"read {read} rows"


def test_a_page_of_tracks_in_any_order_reads_no_more_than_it_shows(
    world: World, dsn: str, postgres: Throwaway
) -> None:
    """Five thousand tracks with twenty jobs each: a page reads neither all of the tracks nor all jobs of its own."""
    with psycopg.connect(f"{postgres.superuser_dsn} {dsn.rpartition(' ')[2]}") as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            """INSERT INTO tracks (title, artist, user_id, duration_ms, heard_tempo, heard_camelot)
               SELECT 'Song ' || n, 'Artist ' || n % 100, 1, 1000 + n % 700, CASE WHEN n % 4 > 0 THEN 60 + n % 120 END,
                      CASE WHEN n % 4 > 0 THEN (1 + n % 12) || 'A' END FROM generate_series(1, 5000) n"""
        )
        superuser.execute(
            """INSERT INTO processing_jobs (track_id, user_id, engine, model, status, finished_at, queue_job_id, inserted_at)
               SELECT t.id, 1, 'spectral', 'spectral', 'completed', now(), row_number() OVER (), now() - n * interval '1 second'
               FROM generate_series(1, 20) n, tracks t"""
        )
    world.connection.execute("ANALYZE tracks, processing_jobs, stems")
    text = statement("track_list_sorted").encode()
    world.connection.execute("SET plan_cache_mode = force_custom_plan")
    for sort in ("-newest", *(f"{sign}{sort}" for sort in SORTS[1:] for sign in ("", "-"))):
        first = Wanted(sort=sort)
        half = world.connection.execute(text, first.parameters(1, 2500)).fetchall()
        deep = replace(first, before=first.key_after(half[-1]))
        for wanted in (first, deep):
            plan = world.connection.execute(
                b"EXPLAIN (ANALYZE, FORMAT JSON) " + text, wanted.parameters(1, 51)
            ).fetchone()
            assert plan is not None
            read = _rows_read(plan["QUERY PLAN"][0]["Plan"])
            assert read < 1000, f"{sort} after {wanted.before!r} read {read} rows"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("job_page_state", "running"), ("job_page_state", "waiting"), ("job_page_state", "retrying"),
        ("job_counts", ""), ("job_running", ""), ("job_waiting", ""), ("schedule_coming", ""),
    ],
)  # fmt: skip
def test_what_runs_is_found_among_very_many_that_wait(
    world: World, name: str, status: str, dsn: str, postgres: Throwaway
) -> None:
    """A job that runs is still listed among those that wait: it is found by its queue row, not by reading them all."""
    tracks = [world.track(f"Song {n}") for n in range(3)]
    for track in tracks:
        world.job(track)
    world.claim()
    with psycopg.connect(f"{postgres.superuser_dsn} {dsn.rpartition(' ')[2]}") as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            """INSERT INTO processing_jobs (track_id, user_id, engine, model, queue_job_id, inserted_at)
               SELECT gen_random_uuid(), sfa_local_owner(), 'spectral', 'spectral', 1000000 + n,
                      now() + n * interval '1 second' FROM generate_series(1, 20000) n"""
        )
    world.connection.execute("ANALYZE processing_jobs, procrastinate_jobs, tracks")
    values = {
        "user_id": 1, "kind": None, "detail": None, "reason": None, "since": None,
        "before_at": None, "before_id": None, "size": 51, "status": status or None, "q": "",
    }  # fmt: skip
    plan = world.connection.execute(
        b"EXPLAIN (ANALYZE, FORMAT JSON) " + statement(name).encode(), values
    ).fetchone()
    assert plan is not None
    assert _rows_read(plan["QUERY PLAN"][0]["Plan"]) < 3000
    rows = world.connection.execute(statement(name).encode(), values).fetchall()
    if name == "job_counts":
        counts = {row["status"]: row["n"] for row in rows}
        assert (counts["running"], counts["waiting"], counts["retrying"]) == (3, 1000, 0)
    elif "running" in (status, name.removeprefix("job_")):
        assert {row["status"] for row in rows} == {"running"}
        assert len(rows) == 3


def _rows_read(node: dict[str, object]) -> float:
    here = 0.0
    if "Relation Name" in node:
        rows = float(str(node["Actual Rows"])) + float(str(node.get("Rows Removed by Filter", 0)))
        here = rows * float(str(node["Actual Loops"]))
    children = node.get("Plans", [])
    assert isinstance(children, list)
    return here + sum(_rows_read(child) for child in children)
