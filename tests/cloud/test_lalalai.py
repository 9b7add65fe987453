"""Cloud jobs by one INSERT, against the stand-in for lalal.ai, through whole workers."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import psycopg
import pytest
import soundfile

from sfa.vault import Vault
from tests.cloud.conftest import wav
from tests.cloud.lalalai import KEY, Cloud
from tests.jobs.studio import Studio


async def begin(
    studio: Studio,
    track: str,
    operation: str = "separate",
    options: dict[str, Any] | None = None,
    **more: Any,
) -> str:
    columns = ", ".join(["track_id", "model", "operation", "options", *more])
    marks = ", ".join(["%s"] * (4 + len(more)))
    row = await studio.one(
        f"INSERT INTO processing_jobs ({columns}) VALUES ({marks}) RETURNING id",
        track, "lalalai", operation, json.dumps(options or {}), *more.values(),
    )  # fmt: skip
    return str(row["id"])


async def asked(studio: Studio, job: str) -> dict[str, Any]:
    """The job, once its task runs there and its slot is free."""
    return await studio.until(
        "SELECT p.*, t.task_id FROM processing_jobs p LEFT JOIN cloud_tasks t ON t.processing_job_id = p.id WHERE p.id = %s", job,
        expect=lambda row: bool(row["finished_at"] or (row["task_id"] and row["status"] == "waiting")),
    )  # fmt: skip


async def check(studio: Studio) -> None:
    """Bring the next check forward, as if its pause were over."""
    await studio.db.execute("UPDATE cloud_accounts SET checked_at = NULL")
    await studio.db.execute(
        "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE task_name = 'lalalai_check' AND status = 'todo'"
    )


async def ended(studio: Studio, job: str) -> dict[str, Any]:
    await check(studio)
    return await studio.until(
        "SELECT * FROM processing_jobs WHERE id = %s",
        job,
        expect=lambda row: row["finished_at"] is not None,
    )


async def stems(studio: Studio, job: str) -> set[tuple[str, str]]:
    rows = await (
        await studio.db.execute(
            "SELECT stem_type, label FROM stems WHERE processing_job_id = %s", [job]
        )
    ).fetchall()
    return {(row["stem_type"], row["label"]) for row in rows}


@pytest.mark.parametrize(
    ("operation", "options", "expected"),
    [
        ("separate", {"stem": "drums", "level": "clear"}, {("drums", ""), ("no_drums", "")}),
        ("separate", {"stem": "synth", "splitter": "phoenix", "format": "flac"}, {("synth", ""), ("no_synth", "")}),
        ("separate", {"lead_back": True, "dereverb": True},
         {("vocals", "lead"), ("vocals", "backing"), ("no_vocals", ""), ("mix_no_lead", "")}),
        ("multistem", {"stems": ["vocals", "drums", "piano"]},
         {("vocals", ""), ("drums", ""), ("piano", ""), ("no_multistem", "")}),
        ("demuser", {}, {("music", ""), ("no_music", "")}),
        ("voice_clean", {"noise": 2}, {("voice", ""), ("no_voice", "")}),
        ("voice_change", {"voice": "VETRANA", "accent": 0.5, "tonality": "voice"}, {("converted_mix", "")}),
    ],
)  # fmt: skip
async def test_every_operation_ends_in_stems(
    studio: Studio, cloud: Cloud, song: str, operation: str, options: dict[str, Any], expected: Any
) -> None:
    async with studio.worker("cloud"):
        job = await begin(studio, song, operation, options)
        waiting = await asked(studio, job)
        assert waiting["error"] is None
        assert waiting["scheduled_at"] is not None, "it holds no slot while lalal.ai works"
        cloud.advance(100)
        row = await ended(studio, job)
    assert row["error"] is None
    assert await stems(studio, job) == expected
    assert len(cloud.billed) == 1
    assert sum(cloud.billed.values()) == 1
    checked = await studio.one("SELECT DISTINCT duration_ms, format, channels FROM stems")
    assert checked == {"duration_ms": 3000, "format": "wav", "channels": 2}
    follow = await studio.one("SELECT count(*) FROM analysis_jobs WHERE track_id = %s", song)
    assert follow["count"] == 1


async def test_progress_is_told_and_never_falls(studio: Studio, cloud: Cloud, song: str) -> None:
    async with studio.worker("cloud"):
        job = await begin(studio, song)
        await asked(studio, job)
        cloud.advance(50)
        await check(studio)
        row = await studio.until(
            "SELECT * FROM processing_jobs WHERE id = %s",
            job,
            expect=lambda row: row["progress"] >= 50,
        )
        assert (row["status"], row["progress"], row["stage"]) == (
            "waiting",
            50,
            "lalal.ai is separating",
        )
        cloud.advance(100)
        assert (await ended(studio, job))["progress"] == 100


async def test_one_upload_serves_every_operation_and_the_same_is_not_bought_twice(
    studio: Studio, cloud: Cloud, song: str
) -> None:
    bought: set[tuple[str, str]] = set()
    async with studio.worker("cloud"):
        for operation in ("separate", "demuser", "separate"):
            job = await begin(studio, song, operation)
            await asked(studio, job)
            cloud.advance(100)
            assert (await ended(studio, job))["error"] is None
            bought = await stems(studio, job)
    assert cloud.books["upload"] == 1
    assert sum(cloud.billed.values()) == 2
    assert bought == {("vocals", ""), ("no_vocals", "")}


async def test_a_preview_uploads_no_more_than_a_minute(studio: Studio, cloud: Cloud) -> None:
    long = await studio.track("long.wav", lambda path: path.write_bytes(wav(90)))
    async with studio.worker("cloud"):
        job = await begin(studio, long, preview=True)
        await asked(studio, job)
    (sent,) = cloud.uploads.values()
    assert soundfile.info(io.BytesIO(sent)).duration == pytest.approx(60)


async def test_an_unusual_title_is_sent_in_a_header_that_is_ascii(
    studio: Studio, cloud: Cloud, song: str
) -> None:
    async with studio.worker("cloud"):
        await asked(studio, await begin(studio, song))
    assert list(cloud.sources.values()) == [
        "attachment; filename=S_ng___m_s.wav; filename*=UTF-8''S%C3%B3ng%20%26%20m%C3%A1s.wav"
    ]


async def test_what_it_costs_is_asked_before_and_too_much_is_refused(
    studio: Studio, cloud: Cloud, song: str
) -> None:
    cloud.minutes = 2
    async with studio.worker("cloud"):
        row = await asked(studio, await begin(studio, song))
        assert row["error"] == "this costs 3 minutes, and the licence has 2 left"
        cloud.minutes = 100
        row = await asked(studio, await begin(studio, song, options={"max_minutes": 1}))
        assert row["error"] == "this costs 3 minutes, more than the 1 it may"
        await studio.db.execute("INSERT INTO cloud_limits (minutes_per_month) VALUES (4)")
        first = await begin(studio, song)
        second = await begin(studio, song, "demuser")
        rows = [await asked(studio, job) for job in (first, second)]
    assert sorted(row["error"] or "" for row in rows) == [
        "", "this costs 3 minutes: 3 of this month's 4 minutes are spent",
    ]  # fmt: skip
    assert sum(cloud.billed.values()) == 1
    await studio.db.execute("UPDATE tracks SET duration_ms = 180000")
    with pytest.raises(psycopg.errors.CheckViolation, match=r"this would cost 3\.00 minutes"):
        await begin(studio, song, "voice_clean")


@pytest.mark.parametrize(
    ("operation", "options", "rule"),
    [
        ("separate", {"stem": "cowbell"}, "processing_jobs_stems_of_model"),
        ("separate", {"noise": 1}, "processing_jobs_options_known"),
        ("separate", {"stem": "wind", "splitter": "lyra"}, "processing_jobs_splitter_known"),
        ("separate", {"stem": "bass", "dereverb": True}, "processing_jobs_vocals_only"),
        ("separate", {"lead_back": "yes"}, "processing_jobs_options_boolean"),
        ("separate", {"format": "wma"}, "processing_jobs_format_known"),
        ("multistem", {}, "processing_jobs_stems_of_model"),
        ("multistem", {"stems": ["vocals", "vocals"]}, "processing_jobs_stems_of_model"),
        ("multistem", {"stems": ["synth"]}, "processing_jobs_stems_of_model"),
        ("voice_change", {"voice": "NOBODY"}, "processing_jobs_voice_known"),
        ("voice_change", {"voice": "VETRANA", "accent": 2}, "processing_jobs_accent_range"),
        ("voice_clean", {"noise": 3}, "processing_jobs_noise_range"),
        ("export", {}, "processing_jobs_export_of"),
    ],
)
async def test_what_lalalai_does_not_do_is_refused_by_its_rule(
    studio: Studio, song: str, operation: str, options: dict[str, Any], rule: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        await begin(studio, song, operation, options)
    assert caught.value.diag.constraint_name == rule


async def test_without_a_key_it_says_what_to_do_and_a_wrong_one_is_named_nowhere(
    studio: Studio, cloud: Cloud, song: str
) -> None:
    keyed = studio.config
    studio.config = dataclasses.replace(keyed, lalalai_key="")
    async with studio.worker("cloud"):
        row = await asked(studio, await begin(studio, song))
    assert "there is no licence key for lalal.ai" in row["error"]
    studio.config = dataclasses.replace(keyed, lalalai_key="wrong-secret")
    async with studio.worker("cloud"):
        row = await asked(studio, await begin(studio, song))
    assert row["error"] == "lalal.ai refuses the licence key: check it in the settings"
    everything = await studio.one("SELECT string_agg(a::text, ' ') AS all FROM sfa_attempts a")
    assert "wrong-secret" not in everything["all"]
    assert cloud.books["upload"] == 0


async def test_the_users_own_key_comes_before_the_installations(
    studio: Studio, cloud: Cloud, song: str, database: Any
) -> None:
    studio.config = dataclasses.replace(studio.config, lalalai_key="the-installations")
    owner = await studio.one("SELECT user_id FROM tracks WHERE id = %s", song)
    async with database.session() as session:
        await Vault(studio.config).put(session, owner["user_id"], "lalalai.key", KEY)
    async with studio.worker("cloud"):
        assert (await asked(studio, await begin(studio, song)))["error"] is None
    assert sum(cloud.billed.values()) == 1


@pytest.mark.parametrize("path", ["limits/minutes_left", "upload", "split/stem_separator"])
@pytest.mark.parametrize("fault", [503, 429])
async def test_a_busy_service_is_asked_again_later(
    studio: Studio, cloud: Cloud, song: str, path: str, fault: int
) -> None:
    cloud.faults[path] = [fault]
    async with studio.worker("cloud"):
        job = await begin(studio, song)
        row = await studio.until(
            "SELECT *, scheduled_at - now() AS pause FROM processing_jobs WHERE id = %s", job,
            expect=lambda row: row["status"] == "retrying",
        )  # fmt: skip
        assert 20 < row["pause"].total_seconds() < 61
        await studio.db.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE task_name = 'lalalai'"
        )
        assert (await asked(studio, job))["task_id"] is not None
        cloud.advance(100)
        assert (await ended(studio, job))["error"] is None
    assert sum(cloud.billed.values()) == 1


async def test_one_check_asks_for_all_and_too_many_are_refused_and_waited_out(
    studio: Studio, cloud: Cloud, song: str
) -> None:
    cloud.checks_allowed = 0
    async with studio.worker("cloud"):
        jobs = [
            await begin(studio, song, operation, {})
            for operation in ("separate", "demuser", "voice_clean")
        ]
        for job in jobs:
            await asked(studio, job)
        cloud.advance(100)
        await check(studio)
        await studio.until(
            "SELECT max(paused_until) AS until FROM cloud_accounts",
            expect=lambda row: row["until"] is not None,
        )
        cloud.checks_allowed = 1
        await studio.db.execute("UPDATE cloud_accounts SET paused_until = NULL")
        for job in jobs:
            assert (await ended(studio, job))["error"] is None
    assert cloud.checks_allowed == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [("inference_error", "could not process this audio"), ("whatever", "the reason it gives")],
)
async def test_a_task_that_fails_there_fails_here_with_its_reason_and_a_retry_begins_anew(
    studio: Studio, cloud: Cloud, song: str, code: str, words: str
) -> None:
    async with studio.worker("cloud"):
        job = await begin(studio, song)
        await asked(studio, job)
        cloud.fail(code, "the reason it gives")
        row = await ended(studio, job)
        assert row["status"] == "failed"
        assert words in row["error"]
        await studio.one("SELECT sfa_retry(%s)", job)
        assert (await asked(studio, job))["task_id"] is not None
        cloud.advance(100)
        assert (await ended(studio, job))["error"] is None
    assert sum(cloud.billed.values()) == 2


async def test_links_that_have_expired_are_asked_for_again_and_then_given_up(
    studio: Studio, cloud: Cloud, song: str
) -> None:
    async with studio.worker("cloud"):
        job = await begin(studio, song)
        row = await asked(studio, job)
        cloud.dead.add(f"/links/{row['task_id']}/vocals")
        cloud.advance(100)
        await check(studio)
        row = await studio.until(
            "SELECT * FROM processing_jobs WHERE id = %s",
            job,
            expect=lambda row: row["status"] == "retrying",
        )
        assert "links lead nowhere" in row["error"]
        cloud.dead.clear()
        await studio.db.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE task_name = 'lalalai'"
        )
        assert (await ended(studio, job))["error"] is None
    assert sum(cloud.billed.values()) == 1


async def test_a_track_that_is_absent_is_not_missed(
    studio: Studio, cloud: Cloud, song: str
) -> None:
    cloud.absent.add("vocals@1")
    async with studio.worker("cloud"):
        job = await begin(studio, song, options={"lead_back": True})
        await asked(studio, job)
        cloud.advance(100)
        assert (await ended(studio, job))["error"] is None
    assert await stems(studio, job) == {("vocals", "lead"), ("no_vocals", ""), ("mix_no_lead", "")}


async def test_cancelling_here_cancels_there(studio: Studio, cloud: Cloud, song: str) -> None:
    async with studio.worker("cloud"):
        job = await begin(studio, song)
        await asked(studio, job)
        await studio.one("SELECT sfa_cancel(%s)", job)
        await studio.until(
            "SELECT * FROM cloud_tasks", expect=lambda row: row["status"] == "cancelled"
        )
    assert [task.status for task in cloud.tasks.values()] == ["cancelled"]
    assert (await studio.one("SELECT status::text FROM processing_jobs"))["status"] == "cancelled"


async def test_deleting_the_track_deletes_its_upload_there(
    studio: Studio, cloud: Cloud, song: str
) -> None:
    async with studio.worker("cloud"):
        await asked(studio, await begin(studio, song))
        await studio.db.execute("DELETE FROM tracks WHERE id = %s", [song])
        await studio.until(
            "SELECT count(*) FROM cloud_sources", expect=lambda row: row["count"] == 0
        )
    assert not cloud.sources
    assert [task.status for task in cloud.tasks.values()] == ["cancelled"]


async def test_a_lost_answer_is_asked_for_again_under_the_same_key(
    studio: Studio, cloud: Cloud, song: str
) -> None:
    cloud.lose.add("split/stem_separator")
    async with studio.worker("cloud"):
        job = await begin(studio, song)
        await studio.until(
            "SELECT * FROM processing_jobs WHERE id = %s",
            job,
            expect=lambda row: row["status"] == "retrying",
        )
        await studio.db.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE task_name = 'lalalai'"
        )
        await asked(studio, job)
        cloud.advance(100)
        assert (await ended(studio, job))["error"] is None
    assert list(cloud.billed.values()) == [1]


async def test_a_task_whose_number_was_lost_is_not_bought_again(
    studio: Studio, cloud: Cloud, song: str
) -> None:
    cloud.lose.add("split/stem_separator")
    async with studio.worker("cloud"):
        job = await begin(studio, song)
        await studio.until(
            "SELECT * FROM processing_jobs WHERE id = %s",
            job,
            expect=lambda row: row["status"] == "retrying",
        )
        cloud.advance(10)
        await studio.db.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE task_name = 'lalalai'"
        )
        row = await asked(studio, job)
    assert row["status"] == "failed"
    assert "its answer was lost" in row["error"]
    assert list(cloud.billed.values()) == [1]


async def test_where_the_cloud_fails_this_machine_takes_over_if_it_was_told_to(
    studio: Studio, cloud: Cloud, song: str
) -> None:
    async with studio.worker("cloud"):
        job = await begin(studio, song, fallback="spectral")
        await asked(studio, job)
        cloud.fail("inference_error", "")
        await ended(studio, job)
    row = await studio.one("SELECT * FROM processing_jobs WHERE fell_back_from = %s", job)
    assert (row["model"], row["operation"], row["task_name"]) == (
        "spectral",
        "separate",
        "processing",
    )
    with pytest.raises(psycopg.errors.CheckViolation, match="cannot take over"):
        await begin(studio, song, "demuser", fallback="spectral")


async def test_the_accounts_own_voices_are_listed(studio: Studio, cloud: Cloud, song: str) -> None:
    cloud.packs = [
        {"name": "Me", "pack_id": "0e1b1f6e-8a3a-4d2c-9a55-2f5f8d3f0b11", "created": 1.7e9}
    ]
    owner = (await studio.one("SELECT user_id FROM tracks WHERE id = %s", song))["user_id"]
    async with studio.worker("cloud"):
        await studio.db.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('cloud', 'lalalai_voices', jsonb_build_object('user_id', %s::int))",
            [owner],
        )
        await studio.until(
            "SELECT count(*) FROM voice_packs WHERE user_id IS NOT NULL",
            expect=lambda row: row["count"] == 1,
        )
        row = await asked(
            studio, await begin(studio, song, "voice_change", {"voice": cloud.packs[0]["pack_id"]})
        )
    assert row["task_id"] is not None
