"""The beat grid and covers by the API: read, corrected, taken back, asked for; and what is refused."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.web.checked import Checked
from tests.web.rows import World

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def track(world: World) -> str:
    """Six seconds at 120 BPM."""
    return world.done_track()


def correct(api: Checked, track: str, **body: Any) -> Any:
    return api.json("POST", f"tracks/{track}/grid", json=body)


def test_a_grid_is_halved_shifted_tapped_and_set(api: Checked, track: str) -> None:
    assert correct(api, track, factor=0.5)["tempo"] == 60
    assert correct(api, track, factor=2)["tempo"] == 120
    later = correct(api, track, shift_ms=20)
    assert later["beats"][:3] == pytest.approx([0.02, 0.52, 1.02])
    assert later["bars"][0] == pytest.approx(0.02)
    tapped = correct(api, track, taps=[0.31, 0.71, 1.11, 1.51, 1.91])
    assert tapped["tempo"] == pytest.approx(150)
    assert any(abs(beat - 1.11) < 0.01 for beat in tapped["beats"])
    waltz = correct(api, track, tempo=120, metre=3, downbeat=0.51)
    assert (waltz["tempo"], waltz["metre"], waltz["correction"]["metre"]) == (120, 3, 3)
    first, second = waltz["bars"][:2]
    assert second - first == pytest.approx(1.5)
    assert api.json("GET", f"tracks/{track}")["tempo"] == 120
    back = api.json("DELETE", f"tracks/{track}/grid")
    assert (back["source"], back["metre"], back["correction"]) == ("mix", 4, None)
    assert api.json("DELETE", f"tracks/{track}/grid")["source"] == "mix", "again is no error"


def test_a_key_doubles_once(api: Checked, track: str) -> None:
    key = {"idempotency-key": "double"}
    tempi = [
        api.json("POST", f"tracks/{track}/grid", json={"factor": 2}, headers=key)["tempo"]
        for _ in range(2)
    ]
    assert tempi == [240, 240]
    assert api.json("GET", f"tracks/{track}/grid")["tempo"] == 240


def test_without_an_analysis_there_is_no_grid(api: Checked, world: World) -> None:
    track = world.track()
    for method in ("GET", "DELETE"):
        answer = api(method, f"tracks/{track}/grid")
        assert (answer.status_code, "not analysed" in answer.text) == (404, True)
    answer = api("POST", f"tracks/{track}/grid", json={"factor": 2})
    assert (answer.status_code, answer.json()["rule"]) == (422, "grid_corrections_need_analysis")


def test_nobody_sees_or_corrects_other_peoples_grids(
    api: Checked, other: Checked, track: str
) -> None:
    for which in (track, str(uuid4()), "x"):
        assert other("GET", f"tracks/{which}/grid").status_code == 404
        assert other("POST", f"tracks/{which}/grid", json={"factor": 2}).status_code == 404
        assert other("DELETE", f"tracks/{which}/grid").status_code == 404
    assert api.json("GET", f"tracks/{track}/grid")["tempo"] == 120


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, ""),
        ({"factor": 0}, "/factor"),
        ({"factor": -2}, "/factor"),
        ({"factor": "2"}, "/factor"),
        ({"factor": True}, "/factor"),
        ({"factor": None}, "/factor"),
        ({"factor": 100}, "20 to 400"),
        ({"tempo": 500}, "/tempo"),
        ({"metre": 1}, "/metre"),
        ({"metre": 3.5}, "/metre"),
        ({"taps": [1, 2, 3]}, "/taps"),
        ({"taps": ["1", "2", "3", "4"]}, "/taps/0"),
        ({"taps": [1, 1, 1, 1]}, "four times"),
        ({"taps": [0, 0.001, 0.002, 0.003]}, "20 to 400"),
        ({"taps": list(range(501))}, "/taps"),
        ({"downbeat": -100}, "/downbeat"),
        ({"shift_ms": 1e12}, "/shift_ms"),
        ({"shift_ms": -900_000}, "lies outside"),
        ({"reset": True}, "reset"),
        ([], ""),
    ],
)
def test_what_is_no_correction_says_why(api: Checked, track: str, body: Any, words: str) -> None:
    answer = api("POST", f"tracks/{track}/grid", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text
    assert api.json("GET", f"tracks/{track}/grid")["correction"] is None


def test_covers_of_an_import_are_one_job_that_tells_what_it_found(
    api: Checked, other: Checked, world: World
) -> None:
    found = api.json("POST", "imports", 201, json={"address": "spotify:album:6rqhFgbbKwnb9MLmUQDhG6"})  # fmt: skip
    body = {"import_id": found["id"], "size": 300}
    job = api.json("POST", "covers", 201, json=body)
    assert api.json("POST", "covers", 201, json=body)["id"] == job["id"], "it is at it already"
    assert world.one("SELECT size, user_id FROM cover_jobs") == {"size": 300, "user_id": 1}
    assert api.json("POST", f"jobs/{job['id']}/cancel")["status"] == "cancelled"
    again = api.json("POST", "covers", 201, json=body)
    assert again["id"] != job["id"]
    world.connection.execute(
        "UPDATE cover_jobs SET result = %s WHERE id = %s",
        [json.dumps({"found": 2, "failed": []}), again["id"]],
    )
    assert api.json("GET", f"jobs/{again['id']}")["result"] == {"found": 2, "failed": []}
    assert other("POST", "covers", json=body).status_code == 404
    assert other("GET", f"jobs/{again['id']}").status_code == 404


def test_covers_are_asked_for_ones_own_tracks_only(
    api: Checked, other: Checked, world: World
) -> None:
    mine = world.track("Mine")
    user = world.one("SELECT max(id) AS id FROM users")["id"]
    theirs = world.track("Theirs", user_id=user)
    for ids in ([theirs], [mine, theirs], [NOBODY]):
        assert api("POST", "covers", json={"track_ids": ids}).status_code == 404
    assert world.one("SELECT count(*) AS n FROM cover_jobs")["n"] == 0
    job = other.json("POST", "covers", 201, json={"track_ids": [theirs, theirs]})
    row = world.one("SELECT user_id, track_ids::text[] AS ids FROM cover_jobs")
    assert row == {"user_id": user, "ids": [theirs]}
    assert api("GET", f"jobs/{job['id']}").status_code == 404
    assert api("GET", f"tracks/{theirs}/cover").status_code == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "one of the two"),
        ({"track_ids": [NOBODY], "import_id": NOBODY}, "one of the two"),
        ({"track_ids": []}, "/track_ids"),
        ({"track_ids": ["x"]}, "/track_ids/0"),
        ({"track_ids": [NOBODY] * 1001}, "/track_ids"),
        ({"import_id": 7}, "/import_id"),
        ({"import_id": NOBODY, "size": 10}, "/size"),
        ({"import_id": NOBODY, "size": "large"}, "/size"),
        ({"import_id": NOBODY, "user_id": 1}, "user_id"),
        (7, ""),
    ],
)
def test_what_names_no_covers_says_why(api: Checked, body: Any, words: str) -> None:
    answer = api("POST", "covers", json=body)
    assert answer.status_code == 422, answer.text
    assert words in answer.text
