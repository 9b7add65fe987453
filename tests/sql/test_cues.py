"""Cue points: the table's own rules, whose a cue is, and what a new run of auto_cue may touch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

Connection = psycopg.Connection[dict[str, Any]]


@pytest.fixture
def db(dsn: str) -> Iterator[Connection]:
    with psycopg.Connection[dict[str, Any]].connect(
        dsn, autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


@pytest.fixture
def track(db: Connection) -> str:
    """A minute with a beat every half second, the first at 0.2 s."""
    made = str(one(db, "INSERT INTO tracks (title, duration_ms) VALUES ('a', 60000) RETURNING id")["id"])  # fmt: skip
    features = {"beats": [0.2 + n / 2 for n in range(119)]}
    db.execute(
        "INSERT INTO analysis_results (track_id, version, duration_ms, sample_rate, channels, tempo_confidence,"
        " key_confidence, energy, features) VALUES (%s, 2, 60000, 44100, 2, 1, 0, 0, %s)",
        [made, json.dumps(features)],
    )
    return made


def one(db: Connection, query: str, *parameters: object) -> dict[str, Any]:
    row = db.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row


def cues(db: Connection, track: str) -> list[tuple[int, str, str, bool]]:
    rows = db.execute(
        "SELECT * FROM cue_points WHERE track_id = %s ORDER BY position_ms, cue_type", [track]
    ).fetchall()
    return [(r["position_ms"], r["cue_type"], r["label"], r["auto_generated"]) for r in rows]


def replace(db: Connection, track: str, *found: tuple[int, str, str]) -> None:
    body = [
        {"position_ms": at, "cue_type": kind, "label": label, "confidence": 0.5, "length_ms": 8000}
        for at, kind, label in found
    ]
    db.execute("SELECT sfa_cues_replace(%s, %s)", [track, json.dumps(body)])


def test_a_cue_lies_on_the_nearest_beat_unless_told_otherwise(db: Connection, track: str) -> None:
    cue = one(db, "SELECT sfa_cue_add(%s, 1100, 'hot', 'Go') AS id", track)["id"]
    db.execute("SELECT sfa_cue_add(%s, 3111, _snap => false)", [track])
    assert cues(db, track) == [(1200, "hot", "Go", False), (3111, "memory", "", False)]
    assert one(db, "SELECT sfa_cue_move(%s, 2460) AS at", cue)["at"] == 2700
    bare = one(db, "INSERT INTO tracks (title) VALUES ('b') RETURNING id")["id"]
    db.execute("SELECT sfa_cue_add(%s, 1111)", [bare])
    assert cues(db, bare)[0][0] == 1111  # no beats, no snapping


WRONG = [
    ("VALUES ('{track}', -1, 'memory')", "cue_points_position_positive"),
    ("VALUES ('{track}', 60001, 'memory')", "cue_points_within_track"),
    ("VALUES ('{track}', 100, 'loop_out')", "cue_points_loop_out_has_in"),
    (
        "VALUES ('{track}', 100, 'memory'), ('{track}', 100, 'memory')",
        "cue_points_one_a_place",
    ),
    (
        "VALUES ('00000000-0000-0000-0000-000000000000', 100, 'hot')",
        "cue_points_track_id_fkey",
    ),
]
WRONG_COLUMNS = [
    ("colour", "'red'", "cue_points_colour_format"),
    ("confidence", "1.01", "cue_points_confidence_range"),
    ("confidence", "'nan'", "cue_points_confidence_range"),
    ("pad", "9", "cue_points_pad_of_hot"),
    ("label", "repeat('x', 101)", "cue_points_label_length"),
]


@pytest.mark.parametrize(("values", "rule"), WRONG)
def test_a_wrong_cue_is_refused_by_name(db: Connection, track: str, values: str, rule: str) -> None:
    text = "INSERT INTO cue_points (track_id, position_ms, cue_type) " + values.format(track=track)
    with pytest.raises(psycopg.errors.IntegrityError) as caught:
        db.execute(text.encode())
    assert caught.value.diag.constraint_name == rule


@pytest.mark.parametrize(("column", "value", "rule"), WRONG_COLUMNS)
def test_a_wrong_column_is_refused_by_name(
    db: Connection, track: str, column: str, value: str, rule: str
) -> None:
    text = f"INSERT INTO cue_points (track_id, position_ms, cue_type, {column}) VALUES (%s, 5, 'hot', {value})"
    with pytest.raises(psycopg.errors.IntegrityError) as caught:
        db.execute(text.encode(), [track])
    assert caught.value.diag.constraint_name == rule


def test_a_loop_has_its_ends_in_order_and_goes_as_one(db: Connection, track: str) -> None:
    start = one(db, "SELECT sfa_loop_add(%s, 1200, 5190, 'L') AS id", track)["id"]
    assert cues(db, track) == [(1200, "loop_in", "L", False), (5200, "loop_out", "L", False)]
    for at in (5200, 9000):  # past its own end
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            db.execute("UPDATE cue_points SET position_ms = %s WHERE id = %s", [at, start])
        assert caught.value.diag.constraint_name == "cue_points_loop_order"
    with pytest.raises(psycopg.errors.CheckViolation):
        db.execute("SELECT sfa_loop_add(%s, 5000, 5000)", [track])
    other = one(db, "INSERT INTO tracks (title) VALUES ('b') RETURNING id")["id"]
    with pytest.raises(psycopg.errors.IntegrityError):  # a beginning in another track
        db.execute(
            "INSERT INTO cue_points (track_id, position_ms, cue_type, loop_in_id) VALUES (%s, 6000, 'loop_out', %s)",
            [other, start],
        )
    db.execute("DELETE FROM cue_points WHERE id = %s", [start])
    assert cues(db, track) == []


def test_hot_cues_take_the_free_pads(db: Connection, track: str) -> None:
    for n in range(9):
        db.execute("SELECT sfa_cue_add(%s, %s, 'hot')", [track, 200 + 1000 * n])
    db.execute("DELETE FROM cue_points WHERE track_id = %s AND pad = 3", [track])
    db.execute("SELECT sfa_cue_add(%s, 30200, 'hot')", [track])
    rows = db.execute(
        "SELECT pad FROM cue_points WHERE track_id = %s ORDER BY position_ms", [track]
    )
    assert [row["pad"] for row in rows] == [1, 2, 4, 5, 6, 7, 8, None, 3]


def test_a_new_run_leaves_peoples_cues_alone(db: Connection, track: str) -> None:
    db.execute("SELECT sfa_cue_add(%s, 10200, 'hot', 'mine')", [track])
    replace(db, track, (700, "hot", "Drop"), (10500, "memory", "too near to mine"), (20200, "loop_in", "Loop"))  # fmt: skip
    assert cues(db, track) == [
        (700, "hot", "Drop", True),
        (10200, "hot", "mine", False),
        (20200, "loop_in", "Loop", True),
        (28200, "loop_out", "Loop", True),
    ]
    # What a person changes is that person's from then on, both ends of a loop.
    db.execute("UPDATE cue_points SET label = 'ours' WHERE cue_type = 'loop_out'")
    replace(db, track, (5200, "hot", "Drop"))
    assert cues(db, track) == [
        (5200, "hot", "Drop", True),
        (10200, "hot", "mine", False),
        (20200, "loop_in", "Loop", False),
        (28200, "loop_out", "ours", False),
    ]


def test_what_a_person_deleted_does_not_come_back(db: Connection, track: str) -> None:
    replace(db, track, (700, "hot", "Drop"), (9200, "memory", "B"))
    db.execute("DELETE FROM cue_points WHERE label = 'Drop'")
    replace(db, track, (800, "hot", "Drop"), (9200, "memory", "B"))
    assert cues(db, track) == [(9200, "memory", "B", True)]
    db.execute("DELETE FROM cue_dismissals WHERE track_id = %s", [track])
    replace(db, track, (800, "hot", "Drop"))
    assert cues(db, track) == [(800, "hot", "Drop", True)]
    db.execute("DELETE FROM tracks WHERE id = %s", [track])
    assert one(db, "SELECT count(*) AS n FROM cue_dismissals")["n"] == 0


def test_either_table_enqueues_auto_cue(db: Connection, track: str) -> None:
    job = one(
        db, "INSERT INTO analysis_jobs (track_id, operation) VALUES (%s, 'auto_cue') RETURNING *", track
    )  # fmt: skip
    queued = one(db, "SELECT * FROM procrastinate_jobs WHERE id = %s", job["queue_job_id"])
    assert (job["task_name"], queued["task_name"], queued["queue_name"]) == ("auto_cue", "auto_cue", "analysis")  # fmt: skip
    other = one(db, "INSERT INTO tracks (title) VALUES ('b') RETURNING id")["id"]
    db.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('analysis', 'auto_cue', %s)",
        [json.dumps({"track_id": str(other)})],
    )
    assert one(db, "SELECT operation FROM analysis_jobs WHERE track_id = %s", other) == {"operation": "auto_cue"}  # fmt: skip


def test_pages_hear_of_it(db: Connection, track: str) -> None:
    db.execute("LISTEN sfa_changed")
    db.execute("SELECT sfa_cue_add(%s, 1100)", [track])
    assert [n.payload for n in db.notifies(timeout=20, stop_after=1)] == [f"track:{track}"]
