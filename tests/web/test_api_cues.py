"""Cue points and loops by the API: on beats, on pads, whole; and what is refused."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.web.checked import Checked
from tests.web.rows import World


@pytest.fixture
def track(world: World) -> str:
    """Six seconds at 120 BPM: a beat every half second."""
    return world.done_track()


def cue(api: Checked, track: str, **body: Any) -> Any:
    return api.json("POST", f"tracks/{track}/cues", 201, json=body)


def places(api: Checked, track: str) -> list[tuple[int, int | None]]:
    items = api.json("GET", f"tracks/{track}/cues")["items"]
    return [(one["position_ms"], one["end_ms"]) for one in items]


def test_a_loop_moves_whole_and_has_its_ends_set(api: Checked, track: str) -> None:
    loop = cue(api, track, position_ms=990, end_ms=2100, label="Break")
    assert (loop["cue_type"], loop["position_ms"], loop["end_ms"]) == ("loop_in", 1000, 2000)
    where = f"cues/{loop['id']}"
    for body, place in (
        ({"position_ms": 3000}, (3000, 4000)),
        ({"end_ms": 5500}, (3000, 5500)),
        # Longer than what is left after its new place: both ends are meant together.
        ({"position_ms": 4500, "end_ms": 6000, "snap": False}, (4500, 6000)),
        ({"position_ms": 0, "end_ms": 500}, (0, 500)),
        ({"position_ms": 1500, "end_ms": 2500}, (1500, 2500)),
        ({"position_ms": 2010, "end_ms": 2030, "snap": False}, (2010, 2030)),
    ):
        moved = api.json("PATCH", where, json=body)
        assert (moved["position_ms"], moved["end_ms"]) == place
    for body in ({"end_ms": 1000}, {"position_ms": 3000, "end_ms": 3000}):
        assert api("PATCH", where, json=body).json()["rule"] == "cue_points_loop_order"
    assert api("PATCH", where, json={"position_ms": 5990, "snap": False}).status_code == 422
    assert places(api, track) == [(2010, 2030)], "and it is where it was"
    assert api("PATCH", where, json={"cue_type": "hot"}).status_code == 422
    assert api("PATCH", where, json={"pad": 1}).status_code == 422
    assert api("DELETE", where).status_code == 204
    assert places(api, track) == []
    assert api("DELETE", where).status_code == 404


def test_hot_cues_lie_on_pads(api: Checked, track: str) -> None:
    first, second = (cue(api, track, position_ms=at, cue_type="hot") for at in (0, 1000))
    assert (first["pad"], second["pad"]) == (1, 2)
    taken = api("PATCH", f"cues/{second['id']}", json={"pad": 1})
    assert (taken.status_code, taken.json()["rule"]) == (409, "cue_points_one_a_pad")
    moved = api.json("PATCH", f"cues/{second['id']}", json={"pad": 8, "colour": "#D55E00"})
    assert (moved["pad"], moved["colour"]) == (8, "#D55E00")
    plain = api.json("PATCH", f"cues/{second['id']}", json={"cue_type": "memory", "colour": None})
    assert (plain["pad"], plain["colour"], plain["cue_type"]) == (None, None, "memory")
    both = api.json("PATCH", f"cues/{second['id']}", json={"cue_type": "hot", "pad": 3})
    assert (both["pad"], both["cue_type"]) == (3, "hot")
    assert api("PATCH", f"cues/{first['id']}", json={"cue_type": "memory", "pad": 2}).status_code == 422  # fmt: skip


def test_a_change_that_is_refused_in_part_is_no_change(api: Checked, track: str) -> None:
    one = cue(api, track, position_ms=1000, label="Mine")
    cue(api, track, position_ms=2000)
    body = {"label": "Other", "position_ms": 2000}
    refused = api("PATCH", f"cues/{one['id']}", json=body)
    assert (refused.status_code, refused.json()["rule"]) == (409, "cue_points_one_a_place")
    assert api.json("GET", f"cues/{one['id']}") == one


def test_an_automatic_cue_becomes_ones_own_and_a_deleted_one_stays_away(
    api: Checked, track: str, world: World
) -> None:
    made = json.dumps([{"position_ms": at, "cue_type": "memory", "label": "", "confidence": 0.5} for at in (1000, 3000)])  # fmt: skip
    world.one("SELECT sfa_cues_replace(%s, %s)", track, made)
    first, second = api.json("GET", f"tracks/{track}/cues")["items"]
    assert (first["auto_generated"], first["confidence"]) == (True, 0.5)
    changed = api.json("PATCH", f"cues/{first['id']}", json={"label": "Mine"})
    assert changed["auto_generated"] is False
    assert api("DELETE", f"cues/{second['id']}").status_code == 204
    world.one("SELECT sfa_cues_replace(%s, %s)", track, made)
    assert api.json("GET", f"tracks/{track}/cues")["items"] == [changed]


def test_a_key_sets_one(api: Checked, track: str) -> None:
    key = {"idempotency-key": "cue"}
    answers = [
        api("POST", f"tracks/{track}/cues", json={"position_ms": 1000}, headers=key)
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert places(api, track) == [(1000, None)]
    again = api("POST", f"tracks/{track}/cues", json={"position_ms": 1000})
    assert (again.status_code, again.json()["rule"]) == (409, "cue_points_one_a_place")


def test_nobody_sees_or_changes_other_peoples_cues(
    api: Checked, other: Checked, track: str, world: World
) -> None:
    loop = cue(api, track, position_ms=1000, end_ms=2000)
    end = world.one("SELECT id FROM cue_points WHERE cue_type = 'loop_out'")["id"]
    assert api("GET", f"cues/{end}").status_code == 404, "the end is no cue by itself"
    assert other("GET", f"tracks/{track}/cues").status_code == 404
    assert other("POST", f"tracks/{track}/cues", json={"position_ms": 1}).status_code == 404
    assert other("GET", f"cues/{loop['id']}").status_code == 404
    assert other("DELETE", f"cues/{loop['id']}").status_code == 404
    for body in ({"label": "x"}, {"position_ms": 3000}, {"end_ms": 3000}, {"pad": 1}):
        assert other("PATCH", f"cues/{loop['id']}", json=body).status_code == 404
        assert api("PATCH", f"cues/{uuid4()}", json=body).status_code == 404
    assert places(api, track) == [(1000, 2000)]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 422, "position_ms"),
        ({"position_ms": -1}, 422, "/position_ms"),
        ({"position_ms": "1000"}, 422, "/position_ms"),
        ({"position_ms": True}, 422, "/position_ms"),
        ({"position_ms": 1.5}, 422, "/position_ms"),
        ({"position_ms": 10**30}, 422, "/position_ms"),
        ({"position_ms": 6001, "snap": False}, 422, "after the track's end"),
        ({"position_ms": 1000, "end_ms": 1000, "snap": False}, 422, "before it"),
        ({"position_ms": 2000, "end_ms": 1000}, 422, "before it"),
        ({"position_ms": 1000, "end_ms": 2000, "cue_type": "hot"}, 422, "end_ms"),
        ({"position_ms": 1000, "cue_type": "loop_in"}, 422, "end_ms"),
        ({"position_ms": 1000, "cue_type": "loop_out"}, 422, "/cue_type"),
        ({"position_ms": 1000, "label": "x" * 101}, 422, "/label"),
        ({"position_ms": 1000, "label": "a\0b"}, 422, ""),
        ({"position_ms": 1000, "label": None}, 422, "/label"),
        ({"position_ms": 1000, "colour": "red"}, 422, "/colour"),
        ({"position_ms": 1000, "colour": "#00ff00\n"}, 422, ""),
        ({"position_ms": 1000, "snap": "no"}, 422, "/snap"),
        ({"position_ms": 1000, "pad": 1}, 422, "pad"),
        ("cue", 422, ""),
    ],
)
def test_what_is_no_cue_says_why(
    api: Checked, track: str, body: Any, status: int, words: str
) -> None:
    answer = api("POST", f"tracks/{track}/cues", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text
    assert places(api, track) == []


@pytest.mark.parametrize(
    "body",
    [{}, {"end_ms": 2000}, {"cue_type": "loop_in"}, {"pad": 9}, {"pad": 0}, {"pad": 1}, {"label": 7}, {"more": 1}, []],
)  # fmt: skip
def test_what_is_no_change_says_why(api: Checked, track: str, body: Any) -> None:
    one = cue(api, track, position_ms=1000.0)
    answer = api("PATCH", f"cues/{one['id']}", json=body)
    assert answer.status_code == 422, answer.text
    assert api.json("GET", f"cues/{one['id']}") == one
