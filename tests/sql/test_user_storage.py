"""What each user holds is counted as it changes: whatever is written, moved, replaced, deleted or folded, the sums agree."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

Connection = psycopg.Connection[dict[str, Any]]
TRUE = """
    SELECT u.id AS user_id, count(t.id) AS tracks, coalesce(sum(t.audio_bytes), 0)::bigint AS audio_bytes,
           coalesce(sum((SELECT sum(bytes) FROM stems WHERE track_id = t.id)), 0)::bigint AS stem_bytes,
           coalesce(sum((SELECT sum(bytes) FROM exports WHERE track_id = t.id)), 0)::bigint AS export_bytes
    FROM users u LEFT JOIN tracks t ON t.user_id = u.id GROUP BY u.id ORDER BY u.id"""


@pytest.fixture
def db(dsn: str) -> Iterator[Connection]:
    with psycopg.Connection[dict[str, Any]].connect(
        dsn, autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


def one(db: Connection, query: str, *parameters: object) -> dict[str, Any]:
    row = db.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row


def user(db: Connection, name: str) -> int:
    return int(one(db, "INSERT INTO users (email) VALUES (%s) RETURNING id", f"{name}@example.org")["id"])  # fmt: skip


def track(db: Connection, owner: int, size: int | None = 100) -> Any:
    return one(
        db, "INSERT INTO tracks (title, user_id, audio_key, audio_bytes) VALUES ('Song', %s, 'audio/a.wav', %s) RETURNING id", owner, size,
    )["id"]  # fmt: skip


def stems(db: Connection, of: Any, *sizes: int) -> Any:
    """A separation with stems of these sizes; its job."""
    job = one(db, "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral') RETURNING id", of)["id"]  # fmt: skip
    db.execute(
        """INSERT INTO stems (track_id, processing_job_id, stem_type, label, audio_key, format, duration_ms, sample_rate, channels, bytes, sha256, peaks)
           SELECT %s, %s, 'vocals', n::text, 'stems/a.wav', 'wav', 1000, 44100, 2, bytes, repeat('a', 64), '{}' FROM unnest(%s::bigint[]) WITH ORDINALITY u (bytes, n)""",
        [of, job, list(sizes)],
    )
    db.execute("SELECT sfa_cancel(%s)", [job])
    return job


def export(db: Connection, of: Any, job: Any, size: int) -> None:
    db.execute(
        """INSERT INTO exports (track_id, processing_job_id, separation_id, package, file_name, audio_key, bytes, sha256)
           VALUES (%s, %s, %s, 'zip', 'a.zip', 'exports/a.zip', %s, repeat('a', 64))
           ON CONFLICT (processing_job_id) DO UPDATE SET bytes = excluded.bytes""",
        [of, job, job, size],
    )


def held(db: Connection, owner: int) -> tuple[int, ...]:
    """Tracks, and bytes of audio, stems and exports."""
    row = one(db, "SELECT tracks, audio_bytes, stem_bytes, export_bytes FROM sfa_user_storage WHERE user_id = %s", owner)  # fmt: skip
    return tuple(row.values())


def agrees(db: Connection) -> None:
    kept = db.execute("SELECT * FROM sfa_user_storage ORDER BY user_id").fetchall()
    assert kept == db.execute(TRUE.encode()).fetchall()


def test_what_is_written_replaced_and_deleted_is_counted(db: Connection) -> None:
    ana = user(db, "ana")
    assert held(db, ana) == (0, 0, 0, 0)
    song = track(db, ana)
    job = stems(db, song, 30, 40)
    export(db, song, job, 9)
    assert held(db, ana) == (1, 100, 70, 9)
    export(db, song, job, 5)
    db.execute("UPDATE stems SET bytes = 31 WHERE bytes = 30")
    assert held(db, ana) == (1, 100, 71, 5)
    db.execute("DELETE FROM stems WHERE bytes = 40")
    assert held(db, ana) == (1, 100, 31, 5)
    db.execute("DELETE FROM processing_jobs WHERE id = %s", [job])
    assert held(db, ana) == (1, 100, 0, 0), "its stems and exports went with the job"
    stems(db, song, 8)
    db.execute("DELETE FROM tracks WHERE id = %s", [song])
    assert held(db, ana) == (0, 0, 0, 0), "and with the track"
    agrees(db)


def test_another_file_is_of_unknown_length_unless_it_is_said(db: Connection) -> None:
    ana = user(db, "ana")
    song = track(db, ana)
    db.execute("UPDATE tracks SET audio_key = 'audio/b.wav' WHERE id = %s", [song])
    assert held(db, ana) == (1, 0, 0, 0)
    db.execute("UPDATE tracks SET audio_key = 'audio/c.wav', audio_bytes = 7 WHERE id = %s", [song])
    assert held(db, ana) == (1, 7, 0, 0)
    db.execute("UPDATE tracks SET audio_key = NULL WHERE id = %s", [song])
    assert held(db, ana) == (1, 0, 0, 0)
    for wrong in ("audio_bytes = 5", "audio_key = 'audio/d.wav', audio_bytes = -1"):
        with pytest.raises(psycopg.errors.CheckViolation, match="tracks_audio_bytes"):
            db.execute(f"UPDATE tracks SET {wrong}".encode())


def test_a_track_that_changes_hands_takes_all_with_it(db: Connection) -> None:
    ana, ben = user(db, "ana"), user(db, "ben")
    song = track(db, ana)
    job = stems(db, song, 30)
    export(db, song, job, 9)
    db.execute("UPDATE tracks SET user_id = %s WHERE id = %s", [ben, song])
    assert (held(db, ana), held(db, ben)) == ((0, 0, 0, 0), (1, 100, 30, 9))


def test_a_user_who_is_deleted_leaves_nothing_and_stops_nobody(db: Connection) -> None:
    ana = user(db, "ana")
    stems(db, track(db, ana), 30)
    db.execute("SELECT sfa_user_storage_fold(1000)")
    stems(db, track(db, ana), 40)
    db.execute("DELETE FROM users WHERE id = %s", [ana])
    assert one(db, "SELECT sfa_user_storage_fold(1000) AS n")["n"] > 0
    assert db.execute("SELECT FROM user_storage_changes UNION ALL SELECT FROM user_storage WHERE user_id = %s", [ana]).fetchall() == []  # fmt: skip


def test_folding_changes_no_sum_and_takes_what_it_may(db: Connection) -> None:
    ana = user(db, "ana")
    for size in range(5):
        track(db, ana, size)
    changes = one(db, "SELECT count(*) AS n FROM user_storage_changes WHERE user_id = %s", ana)["n"]
    assert changes == 5
    for _ in range(2):
        assert one(db, "SELECT sfa_user_storage_fold(3) AS n")["n"] >= 2
        assert held(db, ana) == (5, 10, 0, 0)
    with psycopg.connect(db.info.dsn) as other:
        track(db, ana, 90)
        # What another one is folding is left to it, and still counts.
        other.execute("SELECT id FROM user_storage_changes FOR UPDATE")
        assert one(db, "SELECT sfa_user_storage_fold(1000) AS n")["n"] == 0
        assert held(db, ana) == (6, 100, 0, 0)
    assert one(db, "SELECT sfa_user_storage_fold(1000) AS n")["n"] == 1
    assert held(db, ana) == (6, 100, 0, 0)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_the_sums_agree(db: Connection, seed: int) -> None:
    dice = random.Random(seed)
    people = [user(db, f"u{n}") for n in range(3)]
    songs: list[Any] = []
    jobs: list[tuple[Any, Any]] = []

    def pick(rows: list[Any]) -> Any:
        return dice.choice(rows)

    for _ in range(60):
        act = dice.randrange(9)
        if act <= 1 or not songs:
            songs.append(track(db, pick(people), pick([None, 0, dice.randrange(10**10)])))
        elif act <= 3:
            song = pick(songs)
            jobs.append((song, stems(db, song, *(dice.randrange(1, 10**9) for _ in range(dice.randrange(1, 5))))))  # fmt: skip
        elif act == 4 and jobs:
            song, job = pick(jobs)
            export(db, song, job, dice.randrange(1, 10**9))
        elif act == 5 and jobs:
            song, job = jobs.pop(dice.randrange(len(jobs)))
            db.execute("DELETE FROM processing_jobs WHERE id = %s", [job])
        elif act == 6:
            db.execute("UPDATE tracks SET user_id = %s, audio_bytes = %s WHERE id = %s", [pick(people), dice.randrange(10**9), pick(songs)])  # fmt: skip
        elif act == 7:
            song = songs.pop(dice.randrange(len(songs)))
            jobs = [each for each in jobs if each[0] != song]
            db.execute("DELETE FROM tracks WHERE id = %s", [song])
        else:
            db.execute("SELECT sfa_user_storage_fold(%s)", [dice.randrange(1, 20)])
    agrees(db)
