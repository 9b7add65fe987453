"""Analysis jobs around a separation: mix and stems each once, both answers kept, the range that was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sfa.ports.children import instruments
from sfa.ports.children.score import RATE, Score
from tests.jobs.studio import Studio


def song(path: Path) -> None:
    soundfile.write(
        path, sum(instruments.render(Score(seconds=16, bpm=104, tonic=9)).values()), RATE
    )


async def all_done(studio: Studio, track: str, analyses: int) -> None:
    await studio.until(
        """SELECT count(*) FILTER (WHERE detail = 'analyze') AS n, bool_and(finished_at IS NOT NULL) AS done,
                  bool_or(status = 'failed') AS failed FROM sfa_jobs WHERE track_id = %s""",
        track,
        expect=lambda row: row["failed"] or (row["done"] and row["n"] >= analyses),
    )


async def test_stems_are_analysed_once_and_both_answers_kept(studio: Studio) -> None:
    track = await studio.track("song.wav", song)
    async with studio.worker("processing"), studio.worker("analysis"):
        await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
        await all_done(studio, track, 1)
        mix = await studio.one("SELECT * FROM analysis_results WHERE track_id = %s", track)
        assert (await studio.one("SELECT count(*) AS n FROM stem_analyses"))["n"] == 0
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
        )
        await all_done(studio, track, 2)
        rows = await studio.db.execute(
            "SELECT status, error FROM sfa_jobs WHERE track_id = %s", [track]
        )
        assert {tuple(row.values()) for row in await rows.fetchall()} == {("completed", None)}
        after = await studio.one("SELECT * FROM analysis_results WHERE track_id = %s", track)
        assert after == mix  # the mix was not analysed again
        found = await studio.one("SELECT * FROM sfa_analyses WHERE track_id = %s", track)
        assert found["mix_tempo"] == pytest.approx(104, abs=0.05)
        assert found["drums_tempo"] == pytest.approx(104, abs=0.1)
        assert (found["mix_key"], found["stems_key"]) == ("A minor", "A minor")
        # The same separation again is linked, and its stems have an answer of their own.
        count = (
            "SELECT count(*) AS n FROM analysis_jobs WHERE track_id = %s AND operation = 'analyze'"
        )
        before = (await studio.one(count, track))["n"]
        await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
        await all_done(studio, track, before + 1)
    # Somebody asked: everything anew, mix and stems in one job.
    again = await studio.one("SELECT * FROM analysis_results WHERE track_id = %s", track)
    assert again["inserted_at"] > mix["inserted_at"]
    assert (await studio.one(count, track))["n"] == before + 1


async def test_a_separation_first_takes_one_analysis_for_both(studio: Studio) -> None:
    track = await studio.track("song.wav", song)
    async with studio.worker("processing"), studio.worker("analysis"):
        await studio.db.execute(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
        )
        await all_done(studio, track, 1)
    row = await studio.one(
        """SELECT (SELECT count(*) FROM analysis_jobs WHERE operation = 'analyze') AS analyses,
                  (SELECT count(*) FROM analysis_results) AS mixes, (SELECT count(*) FROM stem_analyses) AS stems,
                  (SELECT count(*) FROM cue_points) > 0 AS cues"""
    )
    assert row == {"analyses": 1, "mixes": 1, "stems": 1, "cues": True}
    # The mix and every stem can be zoomed into: a hundred columns a second.
    waves = await studio.one(
        """SELECT count(*) AS n, min(octet_length(lows)) AS low, max(octet_length(highs)) AS high,
                  bool_and(audio_key IN (SELECT audio_key FROM stems UNION SELECT audio_key FROM tracks)) AS theirs FROM waveforms"""
    )
    assert waves == {"n": 5, "low": 1600, "high": 1600, "theirs": True}


async def test_the_range_that_is_asked_for_holds(studio: Studio) -> None:
    track = await studio.track("song.wav", song)
    async with studio.worker("analysis"):
        await studio.db.execute(
            "INSERT INTO analysis_jobs (track_id, tempo_min, tempo_max) VALUES (%s, 180, 220)",
            [track],
        )
        await all_done(studio, track, 1)
        found = await studio.one("SELECT tempo FROM sfa_analyses WHERE track_id = %s", track)
        assert found["tempo"] == pytest.approx(208, abs=0.1)
        await studio.db.execute(
            """INSERT INTO procrastinate_jobs (queue_name, task_name, args)
               VALUES ('analysis', 'analysis', jsonb_build_object('track_id', %s::text, 'tempo_max', 60))""",
            [track],
        )
        await all_done(studio, track, 2)
    found = await studio.one("SELECT tempo FROM sfa_analyses WHERE track_id = %s", track)
    assert found["tempo"] == pytest.approx(52, abs=0.1)


async def test_a_correction_is_kept_by_the_next_analysis(studio: Studio) -> None:
    track = await studio.track("song.wav", song)
    async with studio.worker("analysis"):
        await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
        await all_done(studio, track, 1)
        await studio.one("SELECT sfa_grid_correct(%s, _factor => 0.5, _shift_ms => 12)", track)
        before = await studio.one("SELECT tempo, features -> 'beats' AS beats FROM sfa_analyses")
        await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
        await all_done(studio, track, 2)
    after = await studio.one("SELECT tempo, features -> 'beats' AS beats FROM sfa_analyses")
    assert after["tempo"] == before["tempo"] == pytest.approx(52, abs=0.05)
    assert np.allclose(after["beats"], before["beats"])
    off = await studio.one(
        "SELECT count(*) AS n FROM cue_points WHERE position_ms <> sfa_beat_near(track_id, position_ms)"
    )
    assert off["n"] == 0  # the cues were made anew, on the corrected beats
