"""What a separation costs, from what the hosts have measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row


@pytest.fixture
def db(dsn: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def note(db: psycopg.Connection[dict[str, Any]], model: str, networks: int, seconds: float, **more: Any) -> None:  # fmt: skip
    db.execute(
        "SELECT sfa_speed_note(%s, %s, 'cpu', %s, %s, %s, %s, %s, %s)",
        [
            more.get("host", "here"), model, more.get("precision", "exact"), networks, more.get("overlap", 0.25),
            more.get("audio", 100.0), seconds, more.get("peak", 1_000),
        ],
    )  # fmt: skip


def price(
    db: psycopg.Connection[dict[str, Any]], model: str, **options: Any
) -> list[dict[str, Any]]:
    return db.execute(
        "SELECT * FROM sfa_price(100, %s, %s)", [model, json.dumps(options)]
    ).fetchall()


def test_nothing_measured_still_tells_memory_and_disk(
    db: psycopg.Connection[dict[str, Any]],
) -> None:
    (row,) = price(db, "htdemucs")
    assert (row["seconds"], row["host"], row["measured"]) == (None, None, False)
    assert row["memory_bytes"] == 1_300_000_000
    assert row["disk_bytes"] == 100 * 44100 * 8 * 5
    assert price(db, "no-such-model") == []
    (row,) = price(db, "htdemucs", stems=["vocals", "no_vocals"])
    assert row["disk_bytes"] == 100 * 44100 * 8 * 3


def test_what_was_measured_is_told(db: psycopg.Connection[dict[str, Any]]) -> None:
    note(db, "htdemucs", 1, 150.0)
    (row,) = price(db, "htdemucs")
    assert row["seconds"] == pytest.approx(150)
    assert row["speed"] == pytest.approx(100 / 150)
    assert (row["measured"], row["memory_bytes"]) == (True, 1_000)
    # The newest counts most: three quarters of the first, all of the second.
    note(db, "htdemucs", 1, 50.0)
    (row,) = price(db, "htdemucs")
    assert row["seconds"] == pytest.approx(100 * (0.75 * 150 + 50) / 175)
    # Less overlap is less work.
    (less,) = price(db, "htdemucs", overlap=0)
    assert less["seconds"] == pytest.approx(0.75 * row["seconds"])
    # The preview is another engine: nothing is known of it.
    assert price(db, "spectral")[0]["seconds"] is None


def test_what_was_not_measured_is_guessed_from_what_is_like_it(
    db: psycopg.Connection[dict[str, Any]],
) -> None:
    note(db, "htdemucs", 1, 100.0)
    (bag,) = price(db, "htdemucs_ft")
    assert (bag["seconds"], bag["measured"]) == (pytest.approx(400), False)
    # One stem of htdemucs_ft is one network, of mdx_extra all four.
    assert price(db, "htdemucs_ft", stems=["vocals"])[0]["seconds"] == pytest.approx(100)
    assert price(db, "htdemucs_ft", stems=["no_vocals"])[0]["seconds"] == pytest.approx(100)
    assert price(db, "mdx_extra", stems=["vocals"])[0]["seconds"] == pytest.approx(400)
    note(db, "htdemucs_ft", 4, 500.0)
    assert price(db, "htdemucs_ft")[0]["seconds"] == pytest.approx(500)
    (one,) = price(db, "htdemucs_ft", stems=["vocals"])
    assert (one["seconds"], one["measured"]) == (pytest.approx(125), False)
    (fast,) = price(db, "htdemucs", precision="fast")
    assert (fast["seconds"], fast["measured"]) == (pytest.approx(100), False)
    note(db, "htdemucs", 1, 40.0, precision="fast")
    assert price(db, "htdemucs", precision="fast")[0]["seconds"] == pytest.approx(40)


def test_hosts_have_their_own_the_quickest_first(db: psycopg.Connection[dict[str, Any]]) -> None:
    note(db, "htdemucs", 1, 100.0, host="slow")
    note(db, "htdemucs", 1, 10.0, host="quick")
    assert [row["host"] for row in price(db, "htdemucs")] == ["quick", "slow"]
    assert price(db, "htdemucs", device="cuda")[0]["seconds"] is None
    track = db.execute(
        "INSERT INTO tracks (title, duration_ms) VALUES ('a', 50000) RETURNING id"
    ).fetchone()
    assert track is not None
    rows = db.execute("SELECT * FROM sfa_estimate(%s, 'htdemucs')", [track["id"]]).fetchall()
    assert [row["seconds"] for row in rows] == pytest.approx([5, 50])


def test_a_run_that_did_nothing_says_nothing(db: psycopg.Connection[dict[str, Any]]) -> None:
    note(db, "htdemucs", 1, 5.0, audio=0.0)
    assert db.execute("SELECT FROM separation_speeds").fetchall() == []
