"""The grid that counts: of the mix, of the drums, of a person; corrections that hold for the next analysis too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg.rows import dict_row

from sfa.features import VERSION, Features, Grid, Loop, Moment, Section

Connection = psycopg.Connection[dict[str, Any]]


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


def features(bpm: float, first: float, bar: int = 0, seconds: float = 60.0) -> dict[str, Any]:
    """A constant grid whose bars begin on beat number ``bar``."""
    beats = tuple(np.round(np.arange(first, seconds, 60 / bpm), 4).tolist())
    bars = beats[bar::4]
    song = Features(
        beats=beats,
        bars=bars,
        grid=Grid(steady=True, metre=4, bar_confidence=0.8),
        sections=(Section(0.0, bars[4], "A"), Section(bars[4], seconds, "B")),
        moments=(Moment("drop", bars[4], 0.9),),
        loops=(Loop(bars[4], bars[8], 4, 0.9),),
    )
    body: dict[str, Any] = json.loads(json.dumps(song.to_json()))
    return body


def analysed(
    db: Connection, track: str, body: dict[str, Any], bpm: float, sure: float = 0.7
) -> None:
    db.execute(
        "INSERT INTO analysis_results (track_id, version, duration_ms, sample_rate, channels, tempo, tempo_confidence,"
        " key, key_confidence, camelot, energy, features) VALUES (%s, %s, 60000, 44100, 2, %s, %s, 'A minor', 0.5, '8A', 0, %s)"
        " ON CONFLICT (track_id, version) DO UPDATE SET tempo = excluded.tempo, features = excluded.features",
        [track, VERSION, bpm, sure, json.dumps(body)],
    )


@pytest.fixture
def track(db: Connection) -> str:
    """A minute at 100 BPM: the first beat at 0.3 s, the first bar a beat later."""
    made = str(one(db, "INSERT INTO tracks (title, duration_ms) VALUES ('a', 60000) RETURNING id")["id"])  # fmt: skip
    analysed(db, made, features(100, 0.3, 1), 100)
    return made


def grid(db: Connection, track: str) -> dict[str, Any]:
    row = one(db, "SELECT * FROM sfa_analyses WHERE track_id = %s", track)
    listed = one(
        db, "SELECT heard_tempo, heard_key, heard_camelot FROM tracks WHERE id = %s", track
    )
    assert tuple(listed.values()) == (row["tempo"], row["key"], row["camelot"]), (
        "lists say the same"
    )
    served = Features.from_json(row["features"])  # what is served fits the schema, always
    return row | {"beats": np.array(served.beats), "bars": np.array(served.bars), "served": served}


def correct(db: Connection, track: str, **what: Any) -> float:
    names = ", ".join(f"_{name} => %({name})s" for name in what)
    row = db.execute(
        f"SELECT sfa_grid_correct(%(track)s, {names}) AS tempo".encode(), {"track": track, **what}
    ).fetchone()
    assert row
    return float(row["tempo"])


def test_without_a_correction_the_analysis_is_served_as_it_is(db: Connection, track: str) -> None:
    found = grid(db, track)
    assert found["features"] == features(100, 0.3, 1)
    assert (found["tempo"], found["tempo_source"], found["key_source"]) == (100, "mix", "mix")


def test_twice_and_half_the_tempo(db: Connection, track: str) -> None:
    before = grid(db, track)
    assert correct(db, track, factor=2) == 200
    double = grid(db, track)
    assert np.allclose(np.diff(double["beats"]), 0.3, atol=2e-4)
    assert len(double["beats"]) == 2 * len(before["beats"]) - 1
    assert double["bars"][0] in before["bars"]
    assert np.allclose(np.diff(double["bars"]), 1.2, atol=2e-4)
    assert (double["tempo"], double["tempo_source"], double["tempo_confidence"]) == (200, "user", 1)
    assert correct(db, track, factor=0.5) == 100
    assert np.allclose(grid(db, track)["beats"], before["beats"])
    assert correct(db, track, factor=0.5) == 50
    half = grid(db, track)
    assert np.allclose(np.diff(half["beats"]), 1.2, atol=2e-4)
    # Where a bar began, there is a beat still, and a bar.
    assert half["bars"][0] == before["bars"][0]
    assert set(half["bars"]) <= set(before["bars"])


def test_a_shift_moves_beats_bars_and_what_lies_on_them(db: Connection, track: str) -> None:
    before = grid(db, track)
    correct(db, track, shift_ms=40)
    after = grid(db, track)
    assert np.allclose(after["beats"], before["beats"][: len(after["beats"])] + 0.04, atol=2e-4)
    assert np.allclose(after["bars"], before["bars"][: len(after["bars"])] + 0.04, atol=2e-4)
    assert after["served"].moments[0].time in after["bars"]
    assert after["served"].sections[1].start == after["served"].sections[0].end in after["bars"]
    assert (after["served"].sections[0].start, after["served"].sections[1].end) == (0.0, 60.0)
    correct(db, track, shift_ms=-40)
    assert np.allclose(grid(db, track)["beats"], before["beats"], atol=2e-4)
    correct(db, track, shift_ms=600)  # a whole beat: the beats stay, the bars begin on the next
    moved = grid(db, track)
    assert np.allclose(moved["beats"][1:20], before["beats"][1:20], atol=2e-4)
    assert np.allclose(moved["bars"][1:10], before["bars"][1:10] + 0.6, atol=2e-4)
    # Half of a shifted grid keeps the bars.
    correct(db, track, factor=0.5)
    assert grid(db, track)["bars"][0] == pytest.approx(moved["bars"][0], abs=2e-4)


def test_a_bar_begins_where_a_person_says(db: Connection, track: str) -> None:
    correct(db, track, downbeat=2.12)
    found = grid(db, track)
    assert 2.1 in found["bars"]
    correct(db, track, metre=3)
    found = grid(db, track)
    assert np.allclose(np.diff(found["bars"]), 1.8)
    assert (found["metre"], found["served"].grid.metre) == (3, 3)
    assert 2.1 in found["bars"]


def taps(period: float, first: float, count: int = 8, jitter: float = 0.02) -> list[float]:
    noise = np.random.default_rng(count).uniform(-jitter, jitter, count)
    return [float(at) for at in first + period * np.arange(count) + noise]


@pytest.mark.parametrize(
    ("period", "first", "tempo", "on_beat"),
    [
        (0.6, 6.3, 100, 6.3),  # the same beats: fingers do not move them
        (0.3, 6.3, 200, 6.3),
        (1.2, 6.9, 50, 6.9),  # every other beat: which ones, the taps say
        (1.2, 6.3, 50, 6.3),
        (0.6, 6.6, 100, 6.6),  # the off-beats were the beats
    ],
)
def test_taps_choose_among_the_beats_that_were_found(
    db: Connection, track: str, period: float, first: float, tempo: float, on_beat: float
) -> None:
    assert correct(db, track, taps=taps(period, first)) == tempo
    beats = grid(db, track)["beats"]
    assert np.allclose(np.diff(beats), 60 / tempo, atol=2e-4)
    assert np.abs(beats - on_beat).min() < 1e-3


def test_taps_of_another_tempo_make_a_grid_of_their_own(db: Connection, track: str) -> None:
    beat = 60 / 87
    tapped = taps(beat, 6.4, 16, 0.01)
    del tapped[5]  # one was missed
    assert correct(db, track, taps=tapped) == pytest.approx(87, abs=0.5)
    beats = grid(db, track)["beats"]
    assert np.abs(beats[:, None] - np.array(tapped)).min(axis=0).max() < 0.03
    assert (beats[0] < beat, beats[-1] > 60 - beat) == (True, True)


def test_a_track_without_beats_can_be_tapped(db: Connection) -> None:
    bare = str(one(db, "INSERT INTO tracks (title) VALUES ('b') RETURNING id")["id"])
    body = json.loads(json.dumps(Features().to_json()))
    db.execute(
        "INSERT INTO analysis_results (track_id, version, duration_ms, sample_rate, channels, tempo_confidence,"
        " key_confidence, energy, features) VALUES (%s, 2, 20000, 44100, 2, 0, 0, 0, %s)",
        [bare, json.dumps(body)],
    )
    with pytest.raises(psycopg.errors.CheckViolation, match="no tempo to multiply"):
        correct(db, bare, factor=2)
    with pytest.raises(psycopg.errors.CheckViolation, match="no beats to shift"):
        correct(db, bare, shift_ms=5)
    assert correct(db, bare, taps=taps(0.5, 3.0)) == pytest.approx(120, abs=2)
    assert len(grid(db, bare)["beats"]) == pytest.approx(40, abs=2)


@pytest.mark.parametrize("what", [{"factor": 2}, {"taps": [1.0, 2.2, 3.4, 4.6]}, {"downbeat": 4.5}])
def test_a_correction_survives_another_analysis(
    db: Connection, track: str, what: dict[str, Any]
) -> None:
    correct(db, track, **what)
    before = grid(db, track)
    analysed(db, track, features(100.002, 0.301, 2), 100.002)  # much the same, bars elsewhere
    again = grid(db, track)
    assert again["tempo"] == pytest.approx(before["tempo"], rel=1e-4)
    if "downbeat" in what:
        assert np.abs(again["bars"] - before["bars"][2]).min() < 0.01
    # An analysis that gets the octave right by itself is not doubled again.
    if "factor" in what:
        analysed(db, track, features(200, 0.3, 2), 200)
        assert grid(db, track)["tempo"] == 200
    # And one that is far off does not count.
    analysed(db, track, features(133, 0.1), 133)
    assert grid(db, track)["tempo"] == pytest.approx(133 if "downbeat" in what else before["tempo"])


def test_a_reset_gives_the_analysis_back(db: Connection, track: str) -> None:
    before = grid(db, track)["features"]
    correct(db, track, factor=2, shift_ms=10, metre=3)
    assert one(db, "SELECT sfa_grid_reset(%s) AS tempo", track)["tempo"] == 100
    assert grid(db, track)["features"] == before


def test_a_correction_has_the_cues_made_anew(db: Connection, track: str) -> None:
    correct(db, track, shift_ms=40)
    jobs = db.execute("SELECT operation, status FROM analysis_jobs WHERE track_id = %s", [track])
    assert jobs.fetchall() == [{"operation": "auto_cue", "status": "waiting"}]
    near = one(db, "SELECT sfa_beat_near(%s, 900) AS at", track)["at"]
    assert near == 940


WRONG = [
    ({}, "grid_corrections_something"),
    ({"factor": 100}, "grid_corrections_tempo_range"),
    ({"factor": float("nan")}, "grid_corrections_tempo_range"),
    ({"taps": [1.0, 1.5, 2.0]}, "grid_corrections_taps"),
    ({"taps": [1.0, 1.0, 1.0, 1.0]}, "grid_corrections_taps"),
    ({"taps": [1.0, float("nan"), 2.0, 2.5, 3.0]}, "grid_corrections_taps"),
    ({"taps": []}, "grid_corrections_taps"),
    ({"tempo": 1000}, "grid_corrections_tempo_range"),
    ({"metre": 1}, "grid_corrections_metre_range"),
    ({"shift_ms": float("inf")}, "grid_corrections_places"),
    ({"downbeat": float("nan")}, "grid_corrections_places"),
]


@pytest.mark.parametrize(("what", "rule"), WRONG)
def test_a_wrong_correction_is_refused_by_name(
    db: Connection, track: str, what: dict[str, Any], rule: str
) -> None:
    before = grid(db, track)["features"]
    with pytest.raises(psycopg.errors.IntegrityError) as caught:
        correct(db, track, **(what or {"factor": None}))
    assert caught.value.diag.constraint_name == rule
    assert grid(db, track)["features"] == before


def test_a_grid_that_is_not_there_cannot_be_corrected(db: Connection) -> None:
    bare = str(one(db, "INSERT INTO tracks (title) VALUES ('b') RETURNING id")["id"])
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        correct(db, bare, factor=2)
    assert caught.value.diag.constraint_name == "grid_corrections_need_analysis"
    with pytest.raises(psycopg.errors.NoDataFound):
        correct(db, "00000000-0000-0000-0000-000000000000", factor=2)


def separated(db: Connection, track: str, model: str = "spectral") -> str:
    """A completed separation with its three stems; no worker runs here."""
    job = one(db, "INSERT INTO processing_jobs (track_id, model) VALUES (%s, %s) RETURNING id, queue_job_id", track, model)  # fmt: skip
    db.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [job["queue_job_id"]])  # fmt: skip
    db.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", [job["queue_job_id"]])  # fmt: skip
    for stem in ("drums", "bass", "other"):
        db.execute(
            "INSERT INTO stems (track_id, processing_job_id, stem_type, audio_key, format, duration_ms, sample_rate, channels,"
            " bytes, sha256, peaks) VALUES (%s, %s, %s, %s, 'wav', 60000, 44100, 2, 1, '', '{}')",
            [track, job["id"], stem, f"stems/{job['id']}/{stem}.wav"],
        )
    return str(job["id"])


def stems_say(
    db: Connection, separation: str, bpm: float, sure: float, key_sure: float = 0.9
) -> None:
    body = features(bpm, 0.3) | {"key_detail": {"second": None, "margin": 0.5, "open_key": None, "tuning": 3.0}}  # fmt: skip
    db.execute(
        "INSERT INTO stem_analyses SELECT id, track_id, %s, %s, %s, 'C major', %s, '8B', %s FROM processing_jobs WHERE id = %s",
        [VERSION, bpm, sure, key_sure, json.dumps(body), separation],
    )


def test_the_surer_of_mix_and_stems_counts_and_both_are_kept(db: Connection, track: str) -> None:
    separation = separated(db, track)
    stems_say(db, separation, 102, 0.9, 0.2)
    found = grid(db, track)
    assert (found["tempo"], found["tempo_source"]) == (102, "drums")
    assert (found["mix_tempo"], found["drums_tempo"]) == (100, 102)
    assert (found["key"], found["key_source"], found["stems_key"]) == ("A minor", "mix", "C major")
    db.execute("UPDATE stem_analyses SET tempo_confidence = 0.1, key_confidence = 0.8")
    found = grid(db, track)
    assert (found["tempo"], found["tempo_source"]) == (100, "mix")
    assert (found["key"], found["camelot"], found["key_source"]) == ("C major", "8B", "stems")
    assert found["served"].key_detail.tuning == 3.0
    db.execute("DELETE FROM processing_jobs WHERE id = %s", [separation])
    found = grid(db, track)
    assert (found["key"], found["drums_tempo"], found["separation_id"]) == ("A minor", None, None)


def test_demucs_stems_say_more_than_the_previews(db: Connection, track: str) -> None:
    stems_say(db, separated(db, track, "htdemucs"), 101, 0.9)
    stems_say(db, separated(db, track, "spectral"), 99, 0.95)
    assert grid(db, track)["tempo"] == 101


def test_the_drums_do_not_double_the_mixs_tempo(db: Connection, track: str) -> None:
    stems_say(db, separated(db, track), 200, 0.99)
    found = grid(db, track)
    assert (found["tempo"], found["tempo_source"], found["drums_tempo"]) == (100, "mix", 200)
    # Without a tempo of the mix's own, theirs is the only one.
    db.execute("UPDATE analysis_results SET tempo = NULL, tempo_confidence = 0")
    assert grid(db, track)["tempo"] == 200


def follow(db: Connection, track: str, seen: str | None = None) -> int:
    """How many analyses the follow-up enqueues; they are taken away again."""
    db.execute("SELECT sfa_follow_analysis(%s, %s::uuid)", [track, seen])
    gone = db.execute("DELETE FROM analysis_jobs WHERE track_id = %s AND operation = 'analyze' AND missing_only", [track])  # fmt: skip
    return gone.rowcount


def test_nothing_is_analysed_twice_without_need(db: Connection, track: str) -> None:
    assert follow(db, track) == 0  # analysed, and there are no stems
    separation = separated(db, track)
    assert follow(db, track) == 1
    assert follow(db, track, separation) == 0  # the analysis that has just ended knew of it
    stems_say(db, separation, 120, 0.9)
    assert follow(db, track) == 0
    separated(db, track)
    assert follow(db, track, separation) == 1
    fresh = str(one(db, "INSERT INTO tracks (title) VALUES ('b') RETURNING id")["id"])
    assert follow(db, fresh) == 1
    db.execute("INSERT INTO analysis_jobs (track_id, tempo_min, tempo_max) VALUES (%s, 80, 100)", [track])  # fmt: skip
    db.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE task_name = 'analysis'")
    db.execute("SELECT sfa_follow_analysis(%s)", [track])
    row = one(db, "SELECT tempo_min, tempo_max FROM analysis_jobs WHERE track_id = %s AND missing_only", track)  # fmt: skip
    assert row == {"tempo_min": 80, "tempo_max": 100}  # the range that was asked for holds


RANGES = [(10, 100), (100, 90), (100, 500), (250, None), (None, 30), (float("nan"), None)]


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_a_tempo_range_that_is_none_is_refused(
    db: Connection, track: str, low: float | None, high: float | None
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        db.execute("INSERT INTO analysis_jobs (track_id, tempo_min, tempo_max) VALUES (%s, %s, %s)", [track, low, high])  # fmt: skip
    assert caught.value.diag.constraint_name == "analysis_jobs_tempo_range"


def test_a_version_1_result_is_served_as_it_is(db: Connection) -> None:
    old = str(one(db, "INSERT INTO tracks (title) VALUES ('old') RETURNING id")["id"])
    body = {name: features(100, 0.3)[name] for name in ("mfcc", "chroma", "beats", "series", "peaks")}  # fmt: skip
    for name in ("bandwidth", "flatness"):
        del body["series"][name]
    db.execute(
        "INSERT INTO analysis_results (track_id, version, duration_ms, sample_rate, channels, tempo, tempo_confidence,"
        " key_confidence, energy, features) VALUES (%s, 1, 60000, 44100, 2, 100, 1, 0, 0, %s)",
        [old, json.dumps(body)],
    )
    found = grid(db, old)
    assert found["tempo"] == 100
    assert len(found["beats"]) == 100
    assert correct(db, old, factor=2) == 200
    assert len(grid(db, old)["beats"]) == 199
    assert follow(db, old) == 1  # an older method's result is not enough


def test_the_database_knows_the_analyzers_version(db: Connection) -> None:
    assert one(db, "SELECT sfa_analysis_version() AS n")["n"] == VERSION


def test_a_track_goes_with_its_grid(db: Connection, track: str) -> None:
    correct(db, track, factor=2)
    stems_say(db, separated(db, track), 120, 0.9)
    db.execute("DELETE FROM tracks WHERE id = %s", [track])
    for table in ("grids", "grid_corrections", "stem_analyses"):
        assert one(db, f"SELECT count(*) AS n FROM {table}")["n"] == 0


def test_a_track_whose_analyses_are_gone_is_listed_without(db: Connection, track: str) -> None:
    listed = "SELECT heard_tempo, heard_key, heard_camelot, duration_ms FROM tracks WHERE id = %s"
    assert tuple(one(db, listed, track).values()) == (100, "A minor", "8A", 60000)
    db.execute("DELETE FROM analysis_results")
    assert tuple(one(db, listed, track).values()) == (None, None, None, 60000)


def test_an_analysis_tells_a_length_that_nobody_told(db: Connection) -> None:
    made = str(one(db, "INSERT INTO tracks (title) VALUES ('a') RETURNING id")["id"])
    analysed(db, made, features(100, 0.3), 100)
    assert one(db, "SELECT duration_ms FROM tracks WHERE id = %s", made)["duration_ms"] == 60000
