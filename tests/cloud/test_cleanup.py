"""Retention, quarantine, missing files: through a whole worker, on a real store, with rows that are dated back."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sfa.store import Store
from tests.jobs.studio import Studio


async def clean(studio: Studio, dry_run: bool = False) -> dict[str, Any]:
    before = (await studio.one("SELECT count(*) FROM cleanup_reports"))["count"]
    async with studio.worker("default"):
        await studio.db.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('default', 'cleanup', jsonb_build_object('dry_run', %s::boolean))",
            [dry_run],
        )
        await studio.until(
            "SELECT (SELECT count(*) FROM cleanup_reports) AS count, (SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')) AS open",
            expect=lambda row: row["count"] > before and row["open"] == 0,
        )
    row = await studio.one("SELECT report FROM cleanup_reports ORDER BY id DESC LIMIT 1")
    return dict(row["report"])


def lay(studio: Studio, key: str, days: float) -> Path:
    path = Path(studio.config.store_address) / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 100)
    then = time.time() - days * 86_400
    os.utime(path, (then, then))
    return path


async def test_a_file_that_no_row_knows_goes_into_quarantine_and_then_for_good(
    studio: Studio,
) -> None:
    await studio.track("mine.wav", lambda path: path.write_bytes(b"mine"))
    mine = Path(studio.config.store_address) / "audio" / "mine.wav"
    os.utime(mine, (0, 0))
    orphan, young = lay(studio, "audio/orphan.wav", 2), lay(studio, "audio/young.wav", 0)
    hidden = lay(studio, ".scratch/job-1/part", 9)
    dry = await clean(studio, dry_run=True)
    assert dry["orphans"] == {"count": 1, "bytes": 100, "some": ["audio/orphan.wav"]}
    assert orphan.exists(), "a dry run only looks"
    await clean(studio)
    assert [path.exists() for path in (orphan, mine, young, hidden)] == [False, True, True, True]
    aside = Path(studio.config.store_address) / "quarantine" / "audio" / "orphan.wav"
    assert aside.exists()
    assert (await clean(studio))["orphans"]["count"] == 0, "quarantine is no orphan"
    await studio.db.execute("UPDATE quarantine SET until = now()")
    assert (await clean(studio))["purged"] == {"count": 1, "bytes": 100}
    assert not aside.exists()
    told = await studio.one("SELECT title, body FROM notifications ORDER BY id LIMIT 1")
    assert told["body"] == "1 files without a row are in quarantine for 7 days"


async def test_a_file_comes_back_from_quarantine(studio: Studio) -> None:
    orphan = lay(studio, "audio/orphan.wav", 2)
    await clean(studio)
    async with studio.worker("default"):
        await studio.db.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('default', 'quarantine_restore', '{\"key\": \"audio/orphan.wav\"}')"
        )
        await studio.until("SELECT count(*) FROM quarantine", expect=lambda row: row["count"] == 0)
    assert orphan.exists()


async def test_a_row_whose_file_is_gone_is_reported_and_stays(studio: Studio) -> None:
    await studio.track("gone.wav", lambda path: path.write_bytes(b"x"))
    (Path(studio.config.store_address) / "audio" / "gone.wav").unlink()
    report = await clean(studio)
    assert report["missing"]["count"] == 1
    assert report["missing"]["some"][0] | {"row_id": ""} == {
        "key": "audio/gone.wav", "what": "track", "row_id": "", "title": "gone.wav",
    }  # fmt: skip
    assert (await studio.one("SELECT count(*) FROM tracks"))["count"] == 1


async def finished(
    studio: Studio, track: str, days: int, model: str = "spectral", **more: Any
) -> str:
    columns = ", ".join(["track_id", "model", *more])
    marks = ", ".join(["%s"] * (2 + len(more)))
    row = await studio.one(
        f"INSERT INTO processing_jobs ({columns}) VALUES ({marks}) RETURNING id, queue_job_id", track, model, *more.values()
    )  # fmt: skip
    for status in ("doing", "succeeded"):
        await studio.db.execute(
            "UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status WHERE id = %s", [status, row["queue_job_id"]]
        )  # fmt: skip
    await studio.db.execute(
        "UPDATE processing_jobs SET finished_at = now() - make_interval(days => %s) WHERE id = %s",
        [days, row["id"]],
    )
    return str(row["id"])


async def test_a_rule_notes_then_removes_and_never_the_newest_nor_what_is_kept(
    studio: Studio,
) -> None:
    track = await studio.track("a.wav", lambda path: path.write_bytes(b"x"))
    old, kept, newest = [await finished(studio, track, days) for days in (90, 80, 70)]
    key = f"stems/{old}.wav"
    lay(studio, key, 0)
    await studio.db.execute(
        "INSERT INTO stems (track_id, processing_job_id, stem_type, audio_key, format, duration_ms, sample_rate, channels, bytes, sha256, peaks)"
        " VALUES (%s, %s, 'vocals', %s, 'wav', 1, 44100, 2, 1, 'x', '{}')",
        [track, old, key],
    )
    await studio.db.execute(
        "INSERT INTO retention_rules (kind, keep) VALUES ('separations', '30 days')"
    )
    await studio.db.execute("SELECT sfa_keep('separations', %s)", [kept])
    dry = await clean(studio, dry_run=True)
    assert dry["rules"]["separations"] == {"noted": 1, "removed": 0}
    assert (await clean(studio))["rules"]["separations"] == {"noted": 1, "removed": 0}
    assert (await clean(studio))["rules"]["separations"] == {"noted": 0, "removed": 0}, (
        "its grace lasts"
    )
    await studio.db.execute(
        "UPDATE expirations SET found_at = now() - interval '8 days' WHERE NOT kept"
    )
    assert (await clean(studio))["rules"]["separations"] == {"noted": 0, "removed": 1}
    left = await (
        await studio.db.execute("SELECT id::text FROM processing_jobs ORDER BY finished_at")
    ).fetchall()
    assert [row["id"] for row in left] == [kept, newest]
    assert not (Path(studio.config.store_address) / key).exists()


async def test_a_users_own_rule_comes_before_everybodys(studio: Studio) -> None:
    track = await studio.track("a.wav", lambda path: path.write_bytes(b"x"))
    await finished(studio, track, 90, preview=True)
    await studio.db.execute(
        "INSERT INTO retention_rules (kind, keep) VALUES ('previews', '30 days')"
    )
    assert (await studio.one("SELECT count(*) FROM sfa_expired"))["count"] == 1
    await studio.db.execute(
        "INSERT INTO retention_rules (user_id, kind, keep) SELECT user_id, 'previews', '1 year' FROM tracks"
    )
    assert (await studio.one("SELECT count(*) FROM sfa_expired"))["count"] == 0
    with pytest.raises(psycopg.errors.CheckViolation, match="retention_rules_keep"):
        await studio.db.execute("UPDATE retention_rules SET keep = '1 second'")


async def test_a_remote_store_is_listed_and_renamed_too(tmp_path: Path) -> None:
    store = Store("memory://", tmp_path)
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    await store.put_file("audio/x.wav", path)
    await store.rename("audio/x.wav", "quarantine/audio/x.wav")
    found = [entry async for page in store.listing() for entry in page]
    assert [(entry.key, entry.bytes) for entry in found] == [("quarantine/audio/x.wav", 3)]
    assert found[0].age < 60
