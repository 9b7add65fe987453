"""Exports through whole workers: one INSERT, a file to download, nothing left over."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import soundfile

from sfa.db import Database
from sfa.jobs.exports import file_name
from sfa.objects import sweep
from sfa.store import Store
from tests.jobs.studio import Studio
from tests.jobs.test_worker import tone


async def separated(studio: Studio) -> tuple[str, str]:
    """A track and its separation."""
    track = await studio.track("song.wav", tone(3))
    row = await studio.one(
        "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral') RETURNING id", track
    )
    async with studio.worker("processing"):
        ended = await studio.ended(track, "processing")
    assert ended["status"] == "completed"
    return track, str(row["id"])


async def insert(studio: Studio, of: str, **options: Any) -> str:
    row = await studio.one(
        "INSERT INTO processing_jobs (operation, options) VALUES ('export', %s) RETURNING id",
        json.dumps({"of": of, **options}),
    )
    return str(row["id"])


async def test_one_insert_is_one_export(studio: Studio, database: Database) -> None:
    track, of = await separated(studio)
    jobs = [
        await insert(studio, of, gains={"drums": -3, "bass": 0}, format="flac"),
        await insert(studio, of, package="zip"),
        await insert(studio, of, package="stem.mp4"),
    ]
    # Through the queue's own table too.
    await studio.db.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('default', 'export', %s)",
        [json.dumps({"options": {"of": of, "package": "zip", "format": "mp3"}})],
    )
    async with studio.worker("default"):
        await studio.until(
            "SELECT count(*) FROM sfa_jobs WHERE kind = 'export' AND finished_at IS NOT NULL",
            expect=lambda row: row["count"] == 4,
        )
    rows = await (
        await studio.db.execute("SELECT status, error, detail FROM sfa_jobs WHERE kind = 'export'")
    ).fetchall()
    assert {row["status"] for row in rows} == {"completed"}, rows
    assert sorted(row["detail"] for row in rows) == ["mix", "stem.mp4", "zip", "zip"]
    made = await (await studio.db.execute("SELECT * FROM exports")).fetchall()
    assert {str(row["track_id"]) for row in made} == {track}
    assert {str(row["separation_id"]) for row in made} == {of}
    store = Path(studio.config.store_address)
    by_job = {str(row["processing_job_id"]): row for row in made}
    mix = by_job[jobs[0]]
    assert mix["file_name"] == "song.wav (bass, drums -3 dB).flac"
    heard, _ = soundfile.read(store / mix["audio_key"])
    stems = await (await studio.db.execute("SELECT stem_type, audio_key FROM stems")).fetchall()
    parts = {row["stem_type"]: soundfile.read(store / row["audio_key"])[0] for row in stems}
    assert np.abs(heard - (10 ** (-3 / 20) * parts["drums"] + parts["bass"])).max() < 2**-22
    with zipfile.ZipFile(store / by_job[jobs[1]]["audio_key"]) as archive:
        assert len(archive.namelist()) == 4
    assert not list((store / ".scratch").iterdir())
    # The same once more is the same object; and an object goes with the last export that it is.
    twin = await insert(studio, of, package="zip")
    async with studio.worker("default"):
        await studio.until("SELECT count(*) FROM exports", expect=lambda row: row["count"] == 5)
    row = await studio.one("SELECT audio_key FROM exports WHERE processing_job_id = %s", twin)
    assert row["audio_key"] == by_job[jobs[1]]["audio_key"]
    where = Store(studio.config.store_address, studio.config.var / "cache")
    await studio.db.execute("DELETE FROM processing_jobs WHERE id = %s", [twin])
    await sweep(database, where)
    assert await where.exists(row["audio_key"])
    await studio.db.execute("DELETE FROM tracks")
    await sweep(database, where)
    assert not [path for path in store.rglob("*") if path.is_file()]


async def test_stems_that_went_meanwhile_fail_the_export_at_once(studio: Studio) -> None:
    track, of = await separated(studio)
    await insert(studio, of, package="zip")
    await studio.db.execute("DELETE FROM stems")
    async with studio.worker("default"):
        ended = await studio.ended(track, "export")
    assert (ended["status"], ended["error_kind"]) == ("failed", "input")
    assert "separate the track again" in ended["error"]


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({}, "processing_jobs_export_of"),
        ({"of": "3f0e1c1e-0000-4000-8000-000000000000"}, "processing_jobs_export_of"),
        ({"of": "not an id"}, "processing_jobs_export_of"),
        ({"package": "rar"}, "processing_jobs_package_known"),
        ({"gains": {"kazoo": 0}}, "processing_jobs_gains_of_stems"),
        ({"gains": {"bass": 13}}, "processing_jobs_gains_of_stems"),
        ({"gains": {"bass": "loud"}}, "processing_jobs_gains_of_stems"),
        ({"gains": {}}, "processing_jobs_gains_object"),
        ({"gains": [1]}, "processing_jobs_gains_object"),
        ({"gains": {"bass": 0}, "package": "zip"}, "processing_jobs_gains_of_mix"),
        ({"format": "aac"}, "processing_jobs_format_known"),
        ({"format": "wav", "package": "stem.mp4"}, "processing_jobs_format_known"),
        ({"bits": 16, "package": "stem.mp4"}, "processing_jobs_bits_known"),
        ({"overlap": 0.1}, "processing_jobs_options_known"),
    ],
)
async def test_what_cannot_be_made_is_refused_by_name(
    studio: Studio, options: dict[str, Any], rule: str
) -> None:
    track = await studio.track("song.wav", tone(0.1))
    of = await studio.one(
        "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral') RETURNING id", track
    )
    await studio.db.execute(
        """INSERT INTO stems (track_id, processing_job_id, stem_type, audio_key, format, duration_ms, sample_rate, channels,
           bytes, sha256, peaks) SELECT %s, %s, s, 'stems/' || s, 'wav', 1, 1, 1, 1, '', '{}'
           FROM unnest('{drums,bass,other,vocals}'::text[]) s""",
        [track, of["id"]],
    )
    given = options if not options or "of" in options else {"of": str(of["id"]), **options}
    with pytest.raises(psycopg.Error) as refusal:
        await studio.db.execute(
            "INSERT INTO processing_jobs (operation, options) VALUES ('export', %s)",
            [json.dumps(given)],
        )
    assert refusal.value.diag.constraint_name == rule
    # Another track's separation is none of this one's.
    other = await studio.track("other.wav", tone(0.1))
    with pytest.raises(psycopg.Error) as refusal:
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, operation, options) VALUES (%s, 'export', %s)",
            [other, json.dumps({"of": str(of["id"])})],
        )
    assert refusal.value.diag.constraint_name == "processing_jobs_export_of"


def test_a_file_name_is_one_on_every_system() -> None:
    assert file_name('A/B: "x"\n', "zip", {}, "zip") == "A B x.zip"
    assert file_name("..", "mix", {}, "wav") == "export (mix).wav"
    assert file_name("a" * 500, "stem.mp4", {}, "stem.mp4") == "a" * 120 + ".stem.mp4"
    gains = {"vocals": 2, "bass": 0.0}
    assert file_name("a", "mix", {"gains": gains}, "mp3") == "a (bass, vocals +2 dB).mp3"
