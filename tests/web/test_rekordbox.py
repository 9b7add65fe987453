"""What rekordbox reads, and the analysis to take away."""

from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from starlette.testclient import TestClient

from sfa.web.rekordbox import positions, tempi
from tests.web.rows import World


def test_a_track_as_rekordbox_reads_it(owner: TestClient, world: World) -> None:
    track = world.done_track("Ends & <Begins>\x01", "Ana Torrent")
    world.one("SELECT sfa_cue_add(%s, 2010, 'hot', 'Drop')", track)
    answer = owner.get(f"/tracks/{track}/rekordbox.xml")
    assert answer.headers["content-type"].startswith("application/xml")
    assert "Ana Torrent – Ends" in unquote(answer.headers["content-disposition"])
    entry = ElementTree.fromstring(answer.content).find("COLLECTION/TRACK")
    assert entry is not None
    assert entry.get("Name") == "Ends & <Begins>"
    assert (entry.get("AverageBpm"), entry.get("Tonality")) == ("120.00", "Am")
    (grid,) = entry.findall("TEMPO")
    (cue,) = entry.findall("POSITION_MARK")
    assert (cue.get("Name"), cue.get("Start"), cue.get("Num")) == ("Drop", "2.000", "0")
    assert dict(grid.attrib) == {"Inizio": "0.000", "Bpm": "120.00", "Metro": "4/4", "Battito": "1"}


def test_a_drifting_grid_is_followed_bar_by_bar() -> None:
    bars = [0.0, 2.0, 3.9]
    features = {"beats": [i / 2 for i in range(9)], "bars": bars, "grid": {"steady": False}}
    assert [mark["Bpm"] for mark in tempi(features, 120.0)] == ["120.00", "126.32"]
    assert tempi({"beats": []}, None) == []


def test_hot_cues_keep_their_pads_and_the_rest_become_memory_cues() -> None:
    def cue(at: int, pad: int | None, end: int | None = None) -> dict[str, Any]:
        return {"position_ms": at, "pad": pad, "label": "x", "end_ms": end, "colour": "#D55E00"}

    marks = positions([cue(1000, 2), cue(0, 1), cue(3000, None), cue(500, None, 2500)])
    assert [mark["Num"] for mark in marks] == ["0", "-1", "1", "-1"]
    assert (marks[1]["Type"], marks[1]["End"]) == ("4", "2.500")
    assert (marks[0]["Red"], marks[0]["Green"], marks[0]["Blue"]) == ("213", "94", "0")


def test_the_analysis_is_taken_away_whole(owner: TestClient, world: World) -> None:
    track = world.done_track()
    body = owner.get(f"/tracks/{track}/analysis.json").json()
    assert (body["tempo"], body["camelot"]) == (120.0, "8A")
    assert len(body["features"]["beats"]) == 12
    assert owner.get(f"/tracks/{world.track('Raw')}/analysis.json").status_code == 404
