"""Cue points of an analysis: where they lie, how sure they are, and the job from INSERT to rows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import soundfile

from sfa import cues
from sfa.features import Features, Grid, Loop, Moment, Section
from tests.jobs.studio import Studio
from tests.jobs.test_worker import tone

BEATS = tuple(round(0.2 + n / 2, 4) for n in range(240))
SONG = Features(
    beats=BEATS,
    bars=BEATS[::4],
    onsets=(30.2,),
    grid=Grid(steady=True, metre=4, bar_confidence=1.0),
    sections=(
        Section(0.0, 30.2, "A", 0.2),
        Section(30.2, 62.2, "B", 0.9),
        Section(62.2, 120.0, "A", 0.3),
    ),
    moments=(Moment("build", 22.2, 0.6), Moment("drop", 30.3, 0.9)),
    loops=(Loop(62.2, 78.2, 8, 0.9),),
)


def found(song: Features = SONG) -> dict[str, cues.Cue]:
    return {cue.label: cue for cue in cues.find(song, 120_000)}


def test_drops_and_build_ups_are_hot_and_the_rest_memory() -> None:
    made = found()
    assert {label: (cue.position_ms, cue.cue_type) for label, cue in made.items()} == {
        "Drop": (30200, "hot"),  # the section that begins there too is the same place
        "Build-up": (22200, "hot"),
        "Loop 8": (62200, "loop_in"),  # before the section that begins there
        "Start": (200, "memory"),
    }
    assert made["Loop 8"].length_ms == 16000


def test_every_cue_lies_on_a_beat_and_none_near_another() -> None:
    rng = np.random.default_rng(1)
    song = dataclasses.replace(
        SONG,
        moments=tuple(
            Moment("drop", float(t), float(s)) for t, s in rng.uniform((0, 0), (119, 1), (60, 2))
        ),
        sections=tuple(Section(float(n), n + 1.0, "A") for n in range(100)),
        bars=(),
    )
    made = cues.find(song, 120_000)
    places = sorted(cue.position_ms for cue in made)
    assert {cue.position_ms for cue in made} <= {round(1000 * beat) for beat in BEATS}
    assert min(np.diff(places)) >= cues.APART_MS
    assert all(0 <= cue.confidence <= 1 for cue in made)
    assert sum(cue.cue_type == "hot" for cue in made) == 8
    hot = [cue.confidence for cue in made if cue.cue_type == "hot"]
    assert hot == sorted(hot, reverse=True)


def test_a_strong_onset_makes_it_surer_and_unsure_bars_less() -> None:
    with_onset = found()["Drop"].confidence
    without = found(dataclasses.replace(SONG, onsets=(31.0,)))["Drop"].confidence
    assert with_onset == pytest.approx(without + 0.15)
    vague = dataclasses.replace(SONG, grid=dataclasses.replace(SONG.grid, bar_confidence=0.0))
    assert found(vague)["Drop"].confidence < with_onset
    sure = dataclasses.replace(SONG, moments=(Moment("drop", 30.2, 1.0),))
    assert found(sure)["Drop"].confidence == 1.0


def test_a_track_without_beats_has_no_cues() -> None:
    assert cues.find(dataclasses.replace(SONG, beats=(), bars=()), 120_000) == []


async def test_an_analysis_is_followed_by_cues_on_its_beats(studio: Studio) -> None:
    track = await studio.track("song.wav", tone(24))
    async with studio.worker("analysis"):
        await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
        job = await studio.until(
            "SELECT max(status::text) AS status, count(*) AS n FROM analysis_jobs WHERE track_id = %s AND operation = 'auto_cue'",
            track,
            expect=lambda row: row["status"] in ("completed", "failed"),
        )
    assert job == {"status": "completed", "n": 1}
    off = await studio.one(
        """SELECT count(*) AS cues, count(*) FILTER (WHERE c.position_ms <> sfa_beat_near(c.track_id, c.position_ms)) AS off,
                  bool_and(c.auto_generated) AS auto FROM cue_points c WHERE c.track_id = %s""",
        track,
    )
    assert off["cues"] >= 1
    assert (off["off"], off["auto"]) == (0, True)


async def test_cues_that_are_asked_for_first_wait_for_an_analysis(studio: Studio) -> None:
    track = await studio.track("song.wav", tone(12))
    async with studio.worker("analysis"):
        await studio.db.execute(
            "INSERT INTO analysis_jobs (track_id, operation) VALUES (%s, 'auto_cue')", [track]
        )
        await studio.until(
            "SELECT count(*) FILTER (WHERE status = 'completed') AS done FROM analysis_jobs WHERE track_id = %s",
            track,
            expect=lambda row: row["done"] == 2,
        )
    assert (await studio.one("SELECT count(*) AS n FROM cue_points WHERE track_id = %s", track))["n"] >= 1  # fmt: skip


@pytest.mark.parametrize("kind", ["no audio", "no music"])
async def test_cues_of_what_cannot_be_analysed_fail_with_the_reason(
    studio: Studio, kind: str
) -> None:
    track = await studio.track("song.wav", lambda path: path.write_text("la la la"))
    if kind == "no audio":
        await studio.db.execute("UPDATE tracks SET audio_key = NULL WHERE id = %s", [track])
    async with studio.worker("analysis"):
        if kind == "no music":
            await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
            await studio.ended(track, "analysis")
        await studio.db.execute(
            "INSERT INTO analysis_jobs (track_id, operation) VALUES (%s, 'auto_cue')", [track]
        )
        job = await studio.ended(track, "analysis")
    assert (job["detail"], job["status"], job["error_kind"]) == ("auto_cue", "failed", "input")
    assert ("no audio" if kind == "no audio" else "analysis failed") in job["error"]


async def test_a_silent_track_has_no_cues_and_no_error(studio: Studio) -> None:
    track = await studio.track(
        "silent.wav", lambda path: soundfile.write(path, np.zeros((44100, 2)), 44100)
    )
    async with studio.worker("analysis"):
        await studio.db.execute("INSERT INTO analysis_jobs (track_id) VALUES (%s)", [track])
        await studio.until(
            "SELECT count(*) FILTER (WHERE status = 'completed') AS done FROM analysis_jobs WHERE track_id = %s",
            track,
            expect=lambda row: row["done"] == 2,
        )
    assert (await studio.one("SELECT count(*) AS n FROM cue_points"))["n"] == 0
