"""What every kind of job can: by its table and by the queue's own, with what it needs and what it follows."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from tests.queue.test_attempts import Bench, bench

__all__ = ["bench"]

PLAYLIST = "https://open.spotify.com/playlist/37i9dQZF1DXcBWIGoYBM5M"
# Kind: its queue, and what its args say beside what it needs and follows; "made" stands for what `world` has made.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "analysis": ("analysis", {"track_id": "track"}),
    "auto_cue": ("analysis", {"track_id": "track"}),
    "processing": ("processing", {"track_id": "track", "model": "spectral"}),
    "lalalai": (
        "cloud",
        {"track_id": "track", "model": "lalalai", "options": {"stem": "drums"}},
    ),
    "export": ("default", {"track_id": "track", "options": {"of": "separation"}}),
    "download": ("download", {"address": "https://example.org/song.mp3"}),
    "import": ("default", {"address": PLAYLIST}),
    "covers": ("download", {"track_ids": ["track"]}),
}


def world(bench: Bench) -> dict[str, str]:
    """A track, a separation of another one with a stem, and a job that others may follow."""
    bench.db.execute("INSERT INTO resources (host, name, capacity) VALUES ('h', 'gpu', 1)")
    made = {
        name: str(bench.one("INSERT INTO tracks (title, audio_key) VALUES ('t', 'audio/t.wav') RETURNING id")["id"])
        for name in ("track", "other", "first")
    }  # fmt: skip
    separation = bench.one(
        "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral') RETURNING id, queue_job_id AS queue",
        made["track"],
    )
    bench.db.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [separation["queue"]])
    bench.db.execute(
        """INSERT INTO stems (track_id, processing_job_id, stem_type, audio_key, format, duration_ms, sample_rate, channels, bytes, sha256, peaks)
           VALUES (%s, %s, 'drums', 'stems/drums.wav', 'wav', 1000, 44100, 2, 9, 'x', '[]')""",
        [made["track"], separation["id"]],
    )
    first = bench.one(
        "INSERT INTO analysis_jobs (track_id) VALUES (%s) RETURNING id, queue_job_id AS queue",
        made["first"],
    )
    return made | {
        "separation": str(separation["id"]),
        "after": str(first["id"]),
        "queue": str(first["queue"]),
    }


def args_of(kind: str, made: dict[str, str]) -> dict[str, Any]:
    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(one) for name, one in value.items()}
        return [filled(one) for one in value] if isinstance(value, list) else made.get(value, value)

    given: dict[str, Any] = filled(KINDS[kind][1])
    return given


def enqueue(bench: Bench, door: str, kind: str, args: dict[str, Any]) -> int:
    if door == "the queue's table":
        row = bench.one(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES (%s, %s, %s) RETURNING id",
            KINDS[kind][0], kind, json.dumps(args),
        )  # fmt: skip
    elif door == "sfa_enqueue":
        made = bench.one("SELECT sfa_enqueue(%s, %s) AS id", kind, json.dumps(args))
        row = bench.one("SELECT queue_job_id AS id FROM sfa_jobs WHERE id = %s", made["id"])
    else:
        table = bench.one("SELECT domain_table AS t FROM job_kinds WHERE task_name = %s", kind)["t"]
        names = ", ".join(args)
        row = bench.one(
            f"INSERT INTO {table} (task_name, {names}) SELECT %s, {names} FROM jsonb_populate_record(NULL::{table}, %s)"
            " RETURNING queue_job_id AS id",
            kind, json.dumps(args),
        )  # fmt: skip
    job: int = row["id"]
    return job


def test_every_kind_is_here_or_refuses(bench: Bench) -> None:
    rows = bench.db.execute("SELECT task_name, arguments FROM job_kinds").fetchall()
    able = {row["task_name"] for row in rows if {"needs", "after"} <= set(row["arguments"])}
    assert able == set(KINDS)
    # A mail's text is no column: mails are sent by what has something to say.
    assert {row["task_name"] for row in rows} - able == {"mail"}
    with pytest.raises(
        psycopg.errors.CheckViolation, match='unknown key "after" in args of task "mail"'
    ):
        bench.db.execute(
            """INSERT INTO procrastinate_jobs (queue_name, task_name, args)
               VALUES ('default', 'mail', '{"recipient": "a@example.org", "subject": "s", "after": "x"}')"""
        )


@pytest.mark.parametrize("door", ["its table", "the queue's table", "sfa_enqueue"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_waits_for_what_it_follows_and_holds_what_it_needs(
    bench: Bench, kind: str, door: str
) -> None:
    made = world(bench)
    args = args_of(kind, made) | {"after": made["after"], "needs": {"gpu": 1}}
    job = enqueue(bench, door, kind, args)
    (first,) = bench.claim()
    assert first["job_id"] == int(made["queue"])
    claim = f"SELECT job_id FROM sfa_claim_v1(%s, '{KINDS[kind][0]}', 5, '15 seconds')"
    assert bench.db.execute(claim.encode(), [bench.worker]).fetchall() == []
    assert bench.finish(first["job_id"], first["token"], "completed")
    assert bench.db.execute(claim.encode(), [bench.worker]).fetchall() == [{"job_id": job}]
    assert bench.one("SELECT held FROM leases WHERE job_id = %s", job)["held"] == {"gpu": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_cancelled_with_what_it_follows(bench: Bench, kind: str) -> None:
    made = world(bench)
    job = enqueue(bench, "its table", kind, args_of(kind, made) | {"after": made["after"]})
    bench.db.execute("SELECT sfa_cancel(%s::uuid)", [made["after"]])
    row = bench.one("SELECT status, error FROM sfa_jobs WHERE queue_job_id = %s", job)
    assert row == {"status": "cancelled", "error": "the job before it did not complete"}


def test_all_members_of_a_batch_follow_and_need(bench: Bench) -> None:
    made = world(bench)
    batch = """INSERT INTO batch_jobs (operation, model, track_ids, after, needs)
               VALUES (%s, %s, ARRAY[%s, %s]::uuid[], %s, '{"gpu": 1}')"""
    for operation, model in (("separate", "spectral"), ("analyze", None)):
        bench.db.execute(
            batch.encode(), [operation, model, made["track"], made["other"], made["after"]]
        )
    assert (
        bench.one("SELECT count(*) AS n FROM sfa_links WHERE after = %s", made["after"])["n"] == 4
    )
    assert bench.one("SELECT count(*) AS n FROM job_needs")["n"] == 4
    assert bench.one("SELECT sum(failed) AS n FROM sfa_batches")["n"] == 0
