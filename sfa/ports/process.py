"""Start a child process in a group of its own, and end it for certain.

The child leads its own session, and a control group of its own where the system gives us one, so that whatever it starts can be ended
with it; it is told our process number, by which it notices that we are gone (see `sfa.ports.child`). It inherits no secret:
its environment is made from a short list. Nothing of what it says is buffered here: a pipe that is not read holds the
child back. `Process.stop` climbs the ladder: end of stdin, SIGTERM to the group, SIGKILL to all, reap, sweep
(`sfa.ports.kin`). ``kill_all`` may be called from any thread: it is what a worker does when its event loop can't be
trusted any more.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from sfa.ports import kin, memory
from sfa.ports.cgroup import Group

STDERR_TAIL = 64 * 1024
"""How many bytes of a child's last words are kept."""

STDERR_RATE = 32 << 20
"""Bytes of stderr a second that are read; a child that writes more waits."""

INHERITED = (
    "PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "XDG_CACHE_HOME",
)  # fmt: skip

_alive: dict[int, Process] = {}
_numbers = itertools.count(1)


def kill_all() -> int:
    """SIGKILL every child with all it has started, at once, from any thread; the number of children."""
    processes = list(_alive.values())
    for process in processes:
        process.strike()
        kin.kill_marked(process.mark, process.pid)
    return len(processes)


def tidy() -> int:
    """Reap and end what the children left to us; how many processes were ended."""
    kin.watch_guard()
    marks = {process.mark for process in list(_alive.values())}
    return kin.strangers(_alive.__contains__, marks.__contains__)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


class Process:
    """One child process; make it with `spawn`."""

    def __init__(self, process: subprocess.Popen[bytes], mark: str, group: Group | None) -> None:
        self.pid = process.pid
        self.mark = mark
        self.returncode: int | None = None
        self.usage: resource.struct_rusage | None = None
        self.ended_by: str | None = None
        """Who ended it and why, where that was us."""
        self.swept = 0
        """How many processes it left behind that had to be ended one by one."""
        self.torn = False
        """A frame was half written: whatever is sent after it would not be understood."""
        self._process = process
        self._group = group
        self._oom_kills = memory.oom_kills()
        self._out_of_memory: bool | None = None
        self._peak: int | None = None
        self._struck: set[int] = set()
        self._stderr = bytearray()
        self.stderr_bytes = 0
        self._writing = asyncio.Lock()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
        self._drain = asyncio.create_task(self._drain_stderr(), name=f"stderr-{self.pid}")
        self._reaped = asyncio.create_task(self._reap(), name=f"reap-{self.pid}")
        self._ended = asyncio.create_task(self._bury(), name=f"bury-{self.pid}")

    @classmethod
    async def spawn(cls, command: Sequence[str], env: Mapping[str, str]) -> Process:
        """Start ``command``; call it from the main thread, whose death the child's death signal is bound to."""
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        mark = f"{kin.MARK}:{next(_numbers)}"
        group = Group.make(kin.MARK)
        try:
            process = subprocess.Popen(  # noqa: ASYNC220 - returns once the program runs; asyncio's own does the same
                list(command),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env={**inherited, "PYTHONUNBUFFERED": "1", "SFA_PARENT_PID": str(os.getpid()), kin.NAME: mark, **env},
            )  # fmt: skip
        except OSError:
            if group is not None:
                group.remove()
            raise
        if group is not None:
            group.add(process.pid)
        _alive[process.pid] = found = cls(process, mark, group)
        return found

    @property
    def stderr_tail(self) -> str:
        """The last 64 KiB that the child wrote to stderr."""
        return self._stderr.decode("utf-8", "replace").replace("\0", "")

    def stderr_since(self, mark: int) -> str:
        """What it wrote to stderr since ``stderr_bytes`` was ``mark``, as far as it is kept."""
        count = min(self.stderr_bytes - mark, len(self._stderr))
        return self._stderr[-count:].decode("utf-8", "replace") if count > 0 else ""

    async def read(self, size: int = 65536) -> bytes:
        """The next bytes of stdout; empty at its end. Not reading is what holds a flooding child back."""
        assert self._process.stdout is not None
        return await _read(self._process.stdout.fileno(), size)

    async def write(self, data: bytes) -> None:
        """Send bytes to stdin; a child that has gone is not an error here, its end is seen elsewhere."""
        view = memoryview(data)
        async with self._writing:
            stdin = self._process.stdin
            try:
                while view and stdin is not None and not stdin.closed and not self.torn:
                    try:
                        view = view[os.write(stdin.fileno(), view) :]
                    except BlockingIOError:
                        await _ready(stdin.fileno(), write=True)
            except OSError:
                pass
            except asyncio.CancelledError:
                self.torn = self.torn or 0 < len(view) < len(data)
                raise

    async def wait(self) -> int:
        """Wait for its end, for its last words, and for the end of all that it left; the exit code."""
        return await asyncio.shield(self._ended)

    async def reaped(self) -> None:
        """Wait for the child's own end, not for that of what it left."""
        await asyncio.shield(self._reaped)

    def end_input(self) -> None:
        """Close its stdin: it is to end."""
        if self._process.stdin is not None and not self._writing.locked():
            self._process.stdin.close()

    async def stop(self, grace: float, by: str = "stopped") -> int:
        """End the child: stdin EOF, a third of ``grace``, SIGTERM, the rest of ``grace``, SIGKILL."""
        self.ended_by = self.ended_by or by
        self.end_input()
        for share, number in ((1 / 3, signal.SIGTERM), (2 / 3, signal.SIGKILL)):
            await asyncio.wait({self._reaped}, timeout=grace * share)
            if self._reaped.done():
                break
            _signal_group(self.pid, number)
        return await self.wait()

    async def kill(self, by: str = "killed") -> int:
        """End the child and all it has started without asking."""
        self.ended_by = self.ended_by or by
        self.strike()
        return await self.wait()

    def strike(self) -> None:
        """SIGKILL, now, from any thread."""
        # What dies with it falls to us, and as a zombie it carries no mark any more.
        family = list(kin.descendants(self.pid))
        self._struck.update(family)
        kin.doom(family)
        if self._group is not None:
            self._group.kill()
        if self.returncode is None:
            _signal_group(self.pid, signal.SIGKILL)

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to it and to what it has started; nothing happens where it has ended."""
        if self.returncode is None:
            _signal_group(self.pid, number)

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel killed it for want of memory: by its control group's count, else by the machine's."""
        return bool(self._out_of_memory)

    @property
    def peak(self) -> int:
        """Most memory that it (with its control group, if it has one) ever held; 0 while it lives."""
        own = self.usage.ru_maxrss * 1024 if self.usage else 0
        return max(own, self._peak or 0)

    @property
    def cpu(self) -> float:
        """Processor seconds of it and of what it waited for."""
        return self.usage.ru_utime + self.usage.ru_stime if self.usage else memory.cpu_seconds(self.pid)  # fmt: skip

    async def _reap(self) -> None:
        if hasattr(os, "pidfd_open"):
            handle = os.pidfd_open(self.pid)
            try:
                await _ready(handle)
                _, status, self.usage = os.wait4(self.pid, 0)  # noqa: ASYNC222 - it has ended
            finally:
                os.close(handle)
        else:  # pragma: no cover - not Linux
            _, status, self.usage = await asyncio.to_thread(os.wait4, self.pid, 0)
        self.returncode = self._process.returncode = os.waitstatus_to_exitcode(status)
        killed = self.returncode == -signal.SIGKILL and self.ended_by is None
        counted = self._group.out_of_memory() if self._group is not None else None
        if counted is None and killed:
            counted = memory.oom_kills() > self._oom_kills
        self._out_of_memory = counted
        self._peak = self._group.peak() if self._group is not None else None

    async def _bury(self) -> int:
        await self._reaped
        left = set(kin.kill_marked(self.mark))
        # The group may outlive its leader, and so may what left the group.
        _signal_group(self.pid, signal.SIGKILL)
        if self._group is not None:
            kin.doom(self._group.members())
            self._group.kill()
        left |= await kin.sweep(self.mark)
        self.swept = len(left - self._struck)
        if self._group is not None:
            for _ in range(100):
                if self._group.remove():
                    break
                await asyncio.sleep(0.01)
        # Whoever could hold stderr open is gone: its end is near, and nothing of the last words is lost.
        await asyncio.wait({self._drain}, timeout=1.0)
        self._drain.cancel()
        for pipe in (self._process.stdin, self._process.stderr):
            if pipe is not None:
                pipe.close()
        _alive.pop(self.pid, None)
        assert self.returncode is not None
        return self.returncode

    def close(self) -> None:
        """Let go of stdout, once nobody reads it any more."""
        if self._process.stdout is not None:
            self._process.stdout.close()

    async def _drain_stderr(self) -> None:
        assert self._process.stderr is not None
        handle = self._process.stderr.fileno()
        taken = 0
        while chunk := await _read(handle, 65536):
            self._stderr += chunk
            self.stderr_bytes += len(chunk)
            if len(self._stderr) > STDERR_TAIL:
                del self._stderr[:-STDERR_TAIL]
            taken += len(chunk)
            if taken >= STDERR_RATE // 20:
                taken = 0
                await asyncio.sleep(0.05)


async def _read(handle: int, size: int) -> bytes:
    while True:
        try:
            return os.read(handle, size)
        except BlockingIOError:
            await _ready(handle)
        except OSError:
            return b""


async def _ready(handle: int, *, write: bool = False) -> None:
    """Wait until a descriptor can be read, or written."""
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)  # fmt: skip

    def wake() -> None:
        if not woken.done():
            woken.set_result(None)

    add(handle, wake)
    try:
        await woken
    finally:
        remove(handle)
