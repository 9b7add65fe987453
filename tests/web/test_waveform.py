"""Waveforms at any zoom, of the mix and of stems, for the track's owner."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.web.rows import World

JSON = {"accept": "application/json"}


def drawn(world: World, key: str, seconds: int = 6) -> None:
    """A ramp: column n has the height n of a hundred, again and again."""
    heights = bytes(n % 100 for n in range(100 * seconds))
    world.connection.execute(
        "INSERT INTO waveforms (audio_key, per_second, lows, highs) VALUES (%s, 100, %s, %s)",
        [key, bytes(128 - h for h in heights), bytes(128 + h for h in heights)],
    )


def test_a_stretch_is_as_fine_as_is_asked_for(owner: TestClient, world: World) -> None:
    track = world.done_track("Loop")
    drawn(world, world.one("SELECT audio_key FROM tracks")["audio_key"])
    whole = owner.get(f"/tracks/{track}/waveform").json()
    assert (whole["from"], whole["to"], len(whole["max"])) == (0, 6, 600)
    six = owner.get(f"/tracks/{track}/waveform?columns=6").json()
    assert six["max"] == [99] * 6
    assert six["min"] == [-99] * 6
    part = owner.get(f"/tracks/{track}/waveform?from=2.1&to=2.2&columns=4000").json()
    assert (part["from"], part["to"]) == (2.1, 2.2)
    assert part["max"] == list(range(10, 20))
    beyond = owner.get(f"/tracks/{track}/waveform?from=9").json()
    assert (beyond["min"], beyond["max"]) == ([], [])


def test_a_stem_has_its_own(owner: TestClient, world: World) -> None:
    track = world.done_track("Loop")
    stem = world.one("SELECT id, audio_key FROM stems WHERE stem_type = 'bass'")
    assert owner.get(f"/tracks/{track}/waveform?stem={stem['id']}", headers=JSON).status_code == 404
    drawn(world, stem["audio_key"], 1)
    assert len(owner.get(f"/tracks/{track}/waveform?stem={stem['id']}").json()["max"]) == 100
    other = world.track("Other")
    assert owner.get(f"/tracks/{other}/waveform?stem={stem['id']}", headers=JSON).status_code == 404
    world.connection.execute("DELETE FROM stems")
    world.connection.execute("DELETE FROM objects WHERE key = %s", [stem["audio_key"]])
    assert world.one("SELECT count(*) AS n FROM waveforms")["n"] == 0


@pytest.mark.parametrize("query", ["from=x", "from=3&to=2", "columns=0", "columns=4001", "from=-1", "to=nan"])  # fmt: skip
def test_a_stretch_that_is_none_is_refused(owner: TestClient, world: World, query: str) -> None:
    track = world.done_track("Loop")
    assert owner.get(f"/tracks/{track}/waveform?{query}", headers=JSON).status_code == 422


def test_somebody_elses_is_not_there(owner: TestClient, world: World) -> None:
    user = world.one("INSERT INTO users (email) VALUES ('b@example.org') RETURNING id")["id"]
    track = world.track("Theirs", user_id=user)
    drawn(world, world.one("SELECT audio_key FROM tracks")["audio_key"])
    assert owner.get(f"/tracks/{track}/waveform", headers=JSON).status_code == 404
