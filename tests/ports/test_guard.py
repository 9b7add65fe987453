"""The guard ends what works for a worker that has ended, or that does not keep its promise to be heard of."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from sfa.ports import guard

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Watched:
    """A guard, and processes that carry its mark."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self.guard = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, self.mark], stdin=subprocess.PIPE
        )
        self.children: list[subprocess.Popen[bytes]] = []

    def child(self) -> subprocess.Popen[bytes]:
        """Something that works for hours."""
        env = {**os.environ, "SFA_PORT_MARK": f"{self.mark}:{len(self.children)}"}
        self.children.append(subprocess.Popen(["sleep", "3600"], env=env))
        return self.children[-1]

    def promise(self, seconds: float) -> None:
        """What a worker says."""
        assert self.guard.stdin is not None
        os.write(self.guard.stdin.fileno(), f"{seconds}\n".encode())


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    try:
        yield made
    finally:
        assert made.guard.stdin is not None
        made.guard.stdin.close()
        for process in (made.guard, *made.children):
            process.kill()
            process.wait()


def test_a_broken_promise_kills_what_works_and_the_guard_stays(watched: Watched) -> None:
    first = watched.child()
    watched.promise(3600)
    watched.promise(0.05)
    assert first.wait(30) == -9
    second = watched.child()
    watched.promise(0.05)
    assert second.wait(30) == -9
    assert watched.guard.poll() is None


def test_a_kept_promise_kills_nothing_until_the_worker_ends(watched: Watched) -> None:
    child = watched.child()
    watched.promise(0.2)
    watched.promise(3600)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.5)
    assert watched.guard.stdin is not None
    watched.guard.stdin.close()
    assert child.wait(30) == -9
    assert watched.guard.wait(30) == 0
