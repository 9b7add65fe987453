"""Start a child process in a group of its own, and end it for certain.

The child leads its own session, so that whatever it starts can be ended with it; it is told our process number, by
which it notices that we are gone (see `sfa.ports.child`). It inherits no secret: its environment is made from a
short list. `Process.stop` climbs the ladder: end of stdin, SIGTERM to the group, SIGKILL to the group, reap.
``kill_all`` may be called from any thread: it is what a worker does when its event loop can't be trusted any more.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

STDERR_TAIL = 64 * 1024
"""How many bytes of a child's last words are kept."""

_INHERITED = (
    "PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "XDG_CACHE_HOME",
)  # fmt: skip

_alive: dict[int, asyncio.subprocess.Process] = {}


def kill_all() -> int:
    """SIGKILL every child's group at once, from any thread; the number of groups."""
    pids = list(_alive)
    for pid in pids:
        _signal_group(pid, signal.SIGKILL)
    return len(pids)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


class Process:
    """One child process; make it with `spawn`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._stderr = bytearray()
        self._drain = asyncio.create_task(self._drain_stderr(), name=f"stderr-{process.pid}")
        self.pid = process.pid

    @classmethod
    async def spawn(cls, command: Sequence[str], env: Mapping[str, str]) -> Process:
        """Start ``command``; call it from the main thread, whose death the child's death signal is bound to."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={**inherited, "PYTHONUNBUFFERED": "1", "SFA_PARENT_PID": str(os.getpid()), **env},
        )
        _alive[process.pid] = process
        return cls(process)

    @property
    def returncode(self) -> int | None:
        """Exit code, minus the signal's number, or None while it lives."""
        return self._process.returncode

    @property
    def stderr_tail(self) -> str:
        """The last 64 KiB that the child wrote to stderr."""
        return self._stderr.decode("utf-8", "replace").replace("\0", "")

    async def read(self, size: int = 65536) -> bytes:
        """The next bytes of stdout; empty at its end. Not reading is what holds a flooding child back."""
        assert self._process.stdout is not None
        return await self._process.stdout.read(size)

    async def write(self, data: bytes) -> None:
        """Send bytes to stdin; a child that has gone is not an error here, its end is seen elsewhere."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    async def wait(self) -> int:
        """Wait for the end, and for its last words; the exit code."""
        code = await self._process.wait()
        # A grandchild may hold stderr open: the last words are worth a moment, not a hang.
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._drain), 1.0)
        self._drain.cancel()
        # The group may outlive its leader.
        _signal_group(self.pid, signal.SIGKILL)
        _alive.pop(self.pid, None)
        return code

    async def stop(self, grace: float) -> int:
        """End the child: stdin EOF, ``grace`` seconds, SIGTERM, ``grace`` seconds, SIGKILL."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                return await asyncio.wait_for(
                    asyncio.shield(asyncio.ensure_future(self.wait())), grace
                )
            except TimeoutError:
                _signal_group(self.pid, number)
        return await self.wait()

    async def kill(self) -> int:
        """End the child and its group without asking."""
        _signal_group(self.pid, signal.SIGKILL)
        return await self.wait()

    async def _drain_stderr(self) -> None:
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(65536):
            self._stderr += chunk
            if len(self._stderr) > STDERR_TAIL:
                del self._stderr[:-STDERR_TAIL]
