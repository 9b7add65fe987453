"""Every operation of batches, cue points, grids and covers once, as a program would call them one after the other."""

from __future__ import annotations

from tests.web.checked import Checked
from tests.web.rows import World


def walk_batches(api: Checked, world: World, track: str) -> None:
    """A batch of two tracks: one fails and is retried, the other is cancelled."""
    ids = [track, world.track("Second")]
    body = {"operation": "separate", "model": "spectral", "track_ids": ids, "title": "Set"}
    answer = api("POST", "batches", json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"/api/v1/batches/{made['id']}"
    assert (made["title"], made["status"], made["total"], made["active"]) == (
        "Set",
        "running",
        2,
        2,
    )
    assert [one["id"] for one in api.json("GET", "batches")["items"]] == [made["id"]]
    where = f"batches/{made['id']}"
    members = api.json("GET", f"{where}/members")["items"]
    assert [one["track_id"] for one in members] == ids
    world.claim()
    world.progress(members[0]["job_id"], 50, "separating")
    world.progress(members[1]["job_id"], 30, "separating")
    assert api.json("GET", where)["progress"] == 40
    world.finish(members[0]["job_id"], "failed", "It broke.", "input")
    failed = api.json("GET", f"{where}/members?status=failed")["items"]
    assert [(one["track_id"], one["error"]) for one in failed] == [(track, "It broke.")]
    retried = api.json("POST", f"{where}/retry")
    assert (retried["jobs"], retried["batch"]["failed"], retried["batch"]["active"]) == (1, 0, 2)
    cancelled = api.json("POST", f"{where}/cancel")
    assert cancelled["jobs"] == 2
    assert api.json("GET", f"jobs/{members[0]['job_id']}")["status"] == "cancelled"


def walk_cues(api: Checked, track: str) -> None:
    """A cue point is set, looked at, changed and deleted."""
    where = f"tracks/{track}/cues"
    answer = api("POST", where, json={"position_ms": 480, "label": "Verse", "colour": "#56B4E9"})
    assert answer.status_code == 201, answer.text
    cue = answer.json()
    assert answer.headers["location"] == f"/api/v1/cues/{cue['id']}"
    assert (cue["position_ms"], cue["cue_type"], cue["colour"]) == (500, "memory", "#56B4E9")
    assert api.json("GET", where)["items"] == [cue]
    assert api.json("GET", f"cues/{cue['id']}") == cue
    moved = api.json("PATCH", f"cues/{cue['id']}", json={"position_ms": 777, "snap": False})
    assert moved == cue | {"position_ms": 777}
    assert api("DELETE", f"cues/{cue['id']}").status_code == 204
    assert api.json("GET", where)["items"] == []
