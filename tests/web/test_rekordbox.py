"""What rekordbox reads, and the analysis to take away."""

from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from starlette.testclient import TestClient

from sfa.web.rekordbox import positions, tempi
from tests.web.rows import World


def test_a_track_as_rekordbox_reads_it(owner: TestClient, world: World) -> None:
    track = world.done_track("Ends & <Begins>\x01", "Ana Torrent")
    answer = owner.get(f"/tracks/{track}/rekordbox.xml")
    assert answer.headers["content-type"].startswith("application/xml")
    assert "Ana Torrent – Ends" in unquote(answer.headers["content-disposition"])
    entry = ElementTree.fromstring(answer.content).find("COLLECTION/TRACK")
    assert entry is not None
    assert entry.get("Name") == "Ends & <Begins>"
    assert (entry.get("AverageBpm"), entry.get("Tonality")) == ("120.00", "Am")
    (grid,) = entry.findall("TEMPO")
    assert dict(grid.attrib) == {"Inizio": "0.000", "Bpm": "120.00", "Metro": "4/4", "Battito": "1"}


def test_a_drifting_grid_is_followed_bar_by_bar() -> None:
    bars = [0.0, 2.0, 3.9]
    features = {"beats": [i / 2 for i in range(9)], "bars": bars, "grid": {"steady": False}}
    assert [mark["Bpm"] for mark in tempi(features, 120.0)] == ["120.00", "126.32"]
    assert tempi({"beats": []}, None) == []


def test_hot_cues_are_eight_and_the_rest_is_kept_as_memory_cues() -> None:
    def cue(at: int, kind: str, end: int | None = None) -> dict[str, Any]:
        return {"position_ms": at, "kind": kind, "name": "x", "end_ms": end}

    cues = [cue(i * 1000, "hot") for i in range(10)] + [cue(500, "memory", 2500)]
    marks = positions(cues)
    assert [mark["Num"] for mark in marks] == [
        "0",
        "-1",
        *(str(n) for n in range(1, 8)),
        "-1",
        "-1",
    ]
    assert (marks[1]["Type"], marks[1]["End"]) == ("4", "2.500")


def test_the_analysis_is_taken_away_whole(owner: TestClient, world: World) -> None:
    track = world.done_track()
    body = owner.get(f"/tracks/{track}/analysis.json").json()
    assert (body["tempo"], body["camelot"]) == (120.0, "8A")
    assert len(body["features"]["beats"]) == 12
    assert owner.get(f"/tracks/{world.track('Raw')}/analysis.json").status_code == 404
