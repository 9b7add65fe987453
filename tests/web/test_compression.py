"""What is text is compressed; what is sound, a part, a stream or tiny is not."""

from __future__ import annotations

import gzip

import pytest
from starlette.testclient import TestClient

from tests.web.rows import World


def test_a_page_and_an_analysis_are_compressed_for_who_can_read_it(
    owner: TestClient, world: World
) -> None:
    track = world.done_track("Loop")
    for address in (
        f"/tracks/{track}",
        f"/tracks/{track}/analysis",
        "/tracks",
        "/api/v1/openapi.json",
    ):
        plain = owner.get(address, headers={"accept-encoding": "identity"})
        with owner.stream("GET", address, headers={"accept-encoding": "gzip"}) as small:
            raw = b"".join(small.iter_raw())
        assert plain.status_code == small.status_code == 200
        assert "content-encoding" not in plain.headers
        assert small.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in small.headers["vary"].lower()
        assert len(raw) * 2 < len(plain.content)
        assert len(gzip.decompress(raw)) == pytest.approx(len(plain.content), abs=64)


def test_sound_parts_of_it_and_what_is_tiny_are_not(owner: TestClient, world: World) -> None:
    track = world.done_track("Loop")
    stem = world.one("SELECT id FROM stems WHERE stem_type = 'bass'")["id"]
    for address in (f"/media/tracks/{track}", f"/media/stems/{stem}"):
        for part in ({}, {"range": "bytes=10-2000"}):
            sound = owner.get(address, headers={"accept-encoding": "gzip", **part})
            assert sound.status_code == (206 if part else 200)
            assert "content-encoding" not in sound.headers
            assert int(sound.headers["content-length"]) == len(sound.content)
    tiny = owner.get("/health", headers={"accept-encoding": "gzip", "accept": "application/json"})
    assert len(tiny.content) < 1024
    assert "content-encoding" not in tiny.headers
