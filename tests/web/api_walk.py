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


def walk_grid(api: Checked, track: str) -> None:
    """The grid is read, doubled, and as analysed again."""
    where = f"tracks/{track}/grid"
    analysed = api.json("GET", where)
    assert (analysed["source"], analysed["tempo"], analysed["correction"]) == ("mix", 120, None)
    double = api.json("POST", where, json={"factor": 2})
    assert (double["source"], double["tempo"], double["beats"][:3]) == ("user", 240, [0, 0.25, 0.5])
    assert double["correction"]["tempo"] == 240
    reset = api.json("DELETE", where)
    assert reset | {"updated_at": ""} == analysed | {"updated_at": ""}


def walk_covers(api: Checked, world: World, track: str) -> None:
    """A cover is asked for; the job that fetches it is a job like others; it comes."""
    assert api.json("GET", f"tracks/{track}")["has_cover"] is False
    assert api("GET", f"tracks/{track}/cover").status_code == 404
    answer = api("POST", "covers", json={"track_ids": [track]})
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert (job["kind"], job["status"], job["queue"]) == ("covers", "waiting", "download")
    key = world.put("covers/abc.png", b"\x89PNG\r\n\x1a\nrest")
    world.connection.execute("UPDATE tracks SET album_art_key = %s WHERE id = %s", [key, track])
    assert api.json("GET", f"tracks/{track}")["has_cover"] is True
    picture = api("GET", f"tracks/{track}/cover")
    assert (picture.headers["content-type"], picture.content[:4]) == ("image/png", b"\x89PNG")
