"""One INSERT is one job, into either table, and the database itself refuses what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from sfa.catalog import KINDS

Connection = psycopg.Connection[dict[str, Any]]


@pytest.fixture
def db(dsn: str) -> Iterator[Connection]:
    with psycopg.Connection[dict[str, Any]].connect(
        dsn, autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


@pytest.fixture
def track(db: Connection) -> str:
    row = db.execute(
        "INSERT INTO tracks (title, audio_key) VALUES ('a', 'audio/a.wav') RETURNING id"
    ).fetchone()
    assert row
    return str(row["id"])


def one(db: Connection, query: str, *parameters: object) -> dict[str, Any]:
    row = db.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row


def test_a_domain_row_makes_its_queue_row(db: Connection, track: str) -> None:
    job = one(
        db,
        "INSERT INTO processing_jobs (track_id, model, priority) VALUES (%s, 'spectral', 7) RETURNING *",
        track,
    )
    queued = one(db, "SELECT * FROM procrastinate_jobs WHERE id = %s", job["queue_job_id"])
    assert (queued["queue_name"], queued["task_name"], queued["status"]) == (
        "processing",
        "processing",
        "todo",
    )
    assert queued["args"] == {"job_id": str(job["id"])}
    assert queued["priority"] == 7
    assert (job["engine"], job["status"], job["user_id"]) == ("spectral", "waiting", 1)


def test_a_queue_row_makes_its_domain_row(db: Connection, track: str) -> None:
    queued = one(
        db,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, priority)"
        " VALUES ('processing', 'processing', jsonb_build_object('track_id', %s::text, 'model', 'htdemucs_ft'), 3) RETURNING *",
        track,
    )
    job = one(db, "SELECT * FROM processing_jobs WHERE queue_job_id = %s", queued["id"])
    assert one(db, "SELECT args FROM procrastinate_jobs")["args"] == {"job_id": str(job["id"])}
    assert (job["model"], job["engine"], job["priority"], str(job["track_id"])) == (
        "htdemucs_ft",
        "demucs",
        3,
        track,
    )
    assert one(db, "SELECT count(*) FROM procrastinate_jobs")["count"] == 1


def test_procrastinates_own_defer_function_makes_the_domain_row_too(
    db: Connection, track: str
) -> None:
    db.execute(
        "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('analysis', 'analysis', 0, NULL, NULL,"
        " jsonb_build_object('track_id', %s::text), NULL)::procrastinate_job_to_defer_v1])",
        [track],
    )
    assert (
        one(db, "SELECT status FROM analysis_jobs WHERE track_id = %s", track)["status"]
        == "waiting"
    )


def test_a_rollback_leaves_neither_row(db: Connection, track: str) -> None:
    with db.transaction(force_rollback=True):
        db.execute("INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track])
        db.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('analysis', 'analysis', jsonb_build_object('track_id', %s::text))",
            [track],
        )
        assert one(db, "SELECT count(*) FROM sfa_jobs")["count"] == 2
    assert one(db, "SELECT count(*) FROM sfa_jobs")["count"] == 0
    assert one(db, "SELECT count(*) FROM procrastinate_jobs")["count"] == 0


def test_many_rows_in_one_statement(db: Connection) -> None:
    db.execute("INSERT INTO tracks (title) SELECT 'track ' || n FROM generate_series(1, 500) n")
    db.execute("INSERT INTO analysis_jobs (track_id) SELECT id FROM tracks")
    assert (
        one(
            db,
            "SELECT count(DISTINCT j.id) FROM procrastinate_jobs j JOIN analysis_jobs a ON a.queue_job_id = j.id",
        )["count"]
        == 500
    )


def test_a_download_address_alone_makes_the_track(db: Connection) -> None:
    job = one(
        db,
        "INSERT INTO download_jobs (address) VALUES ('https://example.org/music/song.mp3?x=1') RETURNING track_id",
    )
    track = one(db, "SELECT title, source FROM tracks WHERE id = %s", job["track_id"])
    assert track == {"title": "song.mp3", "source": "link"}


REFUSED = [
    (
        "INSERT INTO processing_jobs (track_id, model, scheduled_at) VALUES ('{track}', 'spectral', 'infinity')",
        "processing_jobs_scheduled_at_range",
    ),
    (
        "INSERT INTO tracks (title, inserted_at) VALUES ('later', 'infinity')",
        "tracks_inserted_at_range",
    ),
    ("UPDATE queues SET name = 'other' WHERE name = 'analysis'", "queues_of_kinds_stay"),
    ("DELETE FROM queues WHERE name = 'cloud'", "queues_of_kinds_stay"),
    ("SELECT sfa_enqueue('analysis', '[]')", "procrastinate_jobs_args_object"),
    (
        "INSERT INTO processing_jobs (track_id, model) VALUES ('{track}', 'nope')",
        "processing_jobs_model_fkey",
    ),
    (
        "INSERT INTO processing_jobs (track_id, model) VALUES (gen_random_uuid(), 'spectral')",
        "processing_jobs_track_id_fkey",
    ),
    (
        "INSERT INTO processing_jobs (track_id, status) VALUES ('{track}', 'completed')",
        "processing_jobs_starts_waiting",
    ),
    (
        "INSERT INTO processing_jobs (track_id, queue_job_id) VALUES ('{track}', 77)",
        "processing_jobs_queue_job_id_given",
    ),
    (
        "INSERT INTO processing_jobs (track_id, operation) VALUES ('{track}', 'multistem')",
        "processing_jobs_operation_available",
    ),
    (
        "INSERT INTO processing_jobs (track_id, options) VALUES ('{track}', '{{\"colour\": 1}}')",
        "processing_jobs_options_known",
    ),
    (
        "INSERT INTO processing_jobs (track_id, options) VALUES ('{track}', '{{\"format\": \"exe\"}}')",
        "processing_jobs_format_known",
    ),
    (
        "INSERT INTO processing_jobs (track_id, options) VALUES ('{track}', '{{\"stems\": [\"kazoo\"]}}')",
        "processing_jobs_stems_of_model",
    ),
    (
        'INSERT INTO processing_jobs (track_id, options) VALUES (\'{track}\', \'{{"bits": 32, "format": "flac"}}\')',
        "processing_jobs_bits_known",
    ),
    (
        "INSERT INTO processing_jobs (track_id, options) VALUES ('{track}', '{{\"bits\": \"16\"}}')",
        "processing_jobs_bits_known",
    ),
    (
        'INSERT INTO processing_jobs (track_id, options) VALUES (\'{track}\', \'{{"format": "mp3", "bits": 16}}\')',
        "processing_jobs_bits_known",
    ),
    (
        "INSERT INTO processing_jobs (track_id, options) VALUES ('{track}', '{{\"precision\": \"sloppy\"}}')",
        "processing_jobs_precision_known",
    ),
    (
        "INSERT INTO processing_jobs (track_id, options) VALUES ('{track}', '{{\"overlap\": 1}}')",
        "processing_jobs_overlap_range",
    ),
    (
        "INSERT INTO processing_jobs (track_id, options) VALUES ('{track}', '{{\"overlap\": \"x\"}}')",
        "processing_jobs_overlap_range",
    ),
    (
        "INSERT INTO processing_jobs (track_id, options) VALUES ('{track}', '{{\"device\": \"tpu\"}}')",
        "processing_jobs_device_known",
    ),
    (
        "INSERT INTO processing_jobs (track_id, options) VALUES ('{track}', '{{\"stems\": []}}')",
        "processing_jobs_stems_list",
    ),
    (
        "INSERT INTO processing_jobs (track_id, options) VALUES ('{track}', '{{\"stems\": [\"no_kazoo\"]}}')",
        "processing_jobs_stems_of_model",
    ),
    (
        "INSERT INTO processing_jobs (track_id, options) VALUES ('{track}', '{{\"package\": \"zip\"}}')",
        "processing_jobs_options_known",
    ),
    (
        "INSERT INTO processing_jobs (track_id, operation) VALUES ('{track}', 'export')",
        "processing_jobs_export_of",
    ),
    (
        "INSERT INTO processing_jobs (track_id, operation) VALUES ('{track}', 'multistem')",
        "processing_jobs_operation_available",
    ),
    (
        "INSERT INTO download_jobs (address) VALUES ('file:///etc/passwd')",
        "download_jobs_address_http",
    ),
    (
        "INSERT INTO tracks (title, audio_key) VALUES ('x', '/etc/passwd')",
        "tracks_audio_key_relative",
    ),
    (
        "INSERT INTO tracks (title, audio_key) VALUES ('x', 'audio/../../x')",
        "tracks_audio_key_relative",
    ),
    ("INSERT INTO tracks (title) VALUES ('')", "tracks_title_length"),
]
REFUSED_IN_THE_QUEUE = [
    (
        "'analysis', 'analysis', '{{\"track_id\": \"{track}\", \"x\": 1}}', 'todo'",
        "procrastinate_jobs_args_known",
    ),
    (
        "'processing', 'processing', '{{\"track_id\": \"{track}\", \"status\": \"completed\"}}', 'todo'",
        "procrastinate_jobs_args_known",
    ),
    (
        "'wrong', 'analysis', '{{\"track_id\": \"{track}\"}}', 'todo'",
        "procrastinate_jobs_queue_of_task",
    ),
    (
        "'analysis', 'analysis', '{{\"track_id\": \"{track}\"}}', 'doing'",
        "procrastinate_jobs_starts_todo",
    ),
    ("'analysis', 'analysis', '[]', 'todo'", "procrastinate_jobs_args_object"),
    ("'default', 'export', '{{}}', 'todo'", "processing_jobs_export_of"),
    (
        "'processing', 'processing', '{{\"track_id\": \"{track}\", \"model\": \"nope\"}}', 'todo'",
        "processing_jobs_model_fkey",
    ),
    ("'processing', 'processing', '{{\"model\": \"spectral\"}}', 'todo'", None),
    ("'processing', 'processing', '{{\"track_id\": \"not a uuid\"}}', 'todo'", None),
]


@pytest.mark.parametrize(
    ("statement", "rule"),
    REFUSED
    + [
        (f"INSERT INTO procrastinate_jobs (queue_name, task_name, args, status) VALUES ({v})", r)
        for v, r in REFUSED_IN_THE_QUEUE
    ],
)
def test_bad_input_is_refused_by_name(
    db: Connection, track: str, statement: str, rule: str | None
) -> None:
    with pytest.raises(psycopg.Error) as refusal:
        db.execute(statement.format(track=track).encode())
    assert refusal.value.diag.constraint_name == rule
    if rule:
        assert rule in str(refusal.value)
    assert one(db, "SELECT count(*) FROM procrastinate_jobs")["count"] == 0
    assert one(db, "SELECT count(*) FROM sfa_jobs")["count"] == 0


def test_a_job_is_not_put_off_for_ever(db: Connection, track: str) -> None:
    job = one(
        db,
        "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral') RETURNING id",
        track,
    )
    with pytest.raises(psycopg.errors.CheckViolation):
        db.execute("SELECT sfa_reschedule(%s::uuid, 'infinity')", [job["id"]])
    assert one(db, "SELECT scheduled_at FROM sfa_jobs")["scheduled_at"] is None


def test_one_that_cannot_be_sent_back_harms_no_other(db: Connection, track: str) -> None:
    first, second = (
        one(db, f"INSERT INTO {table} (track_id) VALUES (%s) RETURNING queue_job_id AS id", track)[
            "id"
        ]
        for table in ("processing_jobs", "analysis_jobs")
    )
    db.execute("INSERT INTO tracks (title, audio_key) VALUES ('b', 'audio/b.wav')")
    other = one(
        db,
        "INSERT INTO analysis_jobs (track_id) SELECT id FROM tracks WHERE title = 'b' RETURNING queue_job_id AS id",
    )["id"]
    db.execute("INSERT INTO job_links (job_id, after_id) VALUES (%s, %s)", [second, first])
    db.execute("SELECT sfa_cancel_many(%s)", [[first, other]])
    assert one(db, "SELECT sfa_retry_many(%s) AS n", [second, other])["n"] == 1
    waiting = one(db, "SELECT queue_job_id AS id FROM sfa_jobs WHERE status = 'waiting'")
    assert waiting["id"] == other


def test_the_same_work_waits_once(db: Connection, track: str) -> None:
    insert = "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')"
    db.execute(insert.encode(), [track])
    with pytest.raises(psycopg.errors.UniqueViolation):
        db.execute(insert.encode(), [track])
    db.execute((insert + " ON CONFLICT DO NOTHING").encode(), [track])
    assert one(db, "SELECT count(*) FROM procrastinate_jobs")["count"] == 1
    db.execute("INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'htdemucs')", [track])


def test_status_is_not_set_by_hand(db: Connection, track: str) -> None:
    db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
    with pytest.raises(psycopg.errors.CheckViolation) as refusal:
        db.execute("UPDATE analysis_jobs SET status = 'completed', finished_at = now()")
    assert "sfa_cancel" in (refusal.value.diag.message_hint or "")


def test_deleting_a_track_cancels_what_waits(db: Connection, track: str) -> None:
    db.execute("INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track])
    db.execute("DELETE FROM tracks WHERE id = %s", [track])
    assert one(db, "SELECT status FROM procrastinate_jobs")["status"] == "cancelled"


def test_cancel_and_retry_by_either_id(db: Connection, track: str) -> None:
    job = one(
        db, "INSERT INTO analysis_jobs (track_id) VALUES (%s) RETURNING id, queue_job_id", track
    )
    assert one(db, "SELECT sfa_cancel(%s::uuid) AS done", job["id"])["done"] is True
    row = one(db, "SELECT status, finished_at IS NOT NULL AS ended FROM sfa_jobs")
    assert row == {"status": "cancelled", "ended": True}
    assert one(db, "SELECT sfa_cancel(%s::bigint) AS done", job["queue_job_id"])["done"] is False
    assert one(db, f"SELECT sfa_retry('{job['id']}') AS done")["done"] is True
    row = one(db, "SELECT status, finished_at IS NOT NULL AS ended FROM sfa_jobs")
    assert row == {"status": "waiting", "ended": False}
    assert one(db, "SELECT sfa_retry(%s::bigint) AS done", job["queue_job_id"])["done"] is False
    with pytest.raises(psycopg.errors.NoDataFound):
        db.execute("SELECT sfa_cancel('nothing')")


def test_an_insert_wakes_the_queue_once_a_statement_and_names_the_track(
    db: Connection, dsn: str, track: str
) -> None:
    with psycopg.connect(dsn, autocommit=True) as listener:
        for channel in ("sfa_queue", "sfa_changed", "procrastinate_any_queue_v1"):
            listener.execute(f"LISTEN {channel}".encode())
        db.execute(
            "INSERT INTO processing_jobs (track_id, model) SELECT %s, name FROM models WHERE engine <> 'lalalai'",
            [track],
        )
        heard = [(n.channel, n.payload) for n in listener.notifies(timeout=5, stop_after=3)]
    assert heard.count(("sfa_queue", "processing")) == 1
    assert heard.count(("sfa_changed", f"track:{track}")) == 1
    assert sum(channel == "procrastinate_any_queue_v1" for channel, _ in heard) == 1


def test_a_scheduled_job_keeps_its_time(db: Connection, track: str) -> None:
    db.execute(
        "INSERT INTO analysis_jobs (track_id, scheduled_at) VALUES (%s, now() + interval '1 hour')",
        [track],
    )
    assert one(db, "SELECT scheduled_at > now() AS later FROM procrastinate_jobs")["later"] is True
    assert one(db, "SELECT waiting, scheduled FROM sfa_queues WHERE name = 'analysis'") == {
        "waiting": 0,
        "scheduled": 1,
    }


def test_the_catalogue_and_the_database_agree(db: Connection) -> None:
    assert {row["task_name"] for row in db.execute("SELECT * FROM job_kinds")} == set(KINDS)


def test_a_queue_row_that_conflicts_leaves_no_domain_row(db: Connection, track: str) -> None:
    insert = (
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, queueing_lock)"
        " VALUES ('processing', 'processing', jsonb_build_object('track_id', %s::text, 'model', %s::text), 'one')"
        " ON CONFLICT DO NOTHING"
    )
    assert db.execute(insert.encode(), [track, "spectral"]).rowcount == 1
    assert db.execute(insert.encode(), [track, "htdemucs"]).rowcount == 0
    assert one(db, "SELECT count(*) FROM processing_jobs")["count"] == 1


@pytest.mark.parametrize(
    "options",
    [
        "{}",
        '{"format": "mp3"}',
        '{"bits": 24}',
        '{"format": "flac", "bits": 16}',
        '{"stems": ["vocals", "no_vocals"], "precision": "fast", "overlap": 0.1, "device": "cpu"}',
    ],
)
def test_these_options_are_taken(db: Connection, track: str, options: str) -> None:
    job = one(
        db,
        "INSERT INTO processing_jobs (track_id, options) VALUES (%s, %s) RETURNING options",
        track,
        options,
    )
    assert job["options"] == json.loads(options)
