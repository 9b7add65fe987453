"""Run a port's child: read requests, run one at a time, write frames.

    def load() -> dict[str, Op]:
        from sfa.ports.children import analysis  # libraries come in here, never above
        return {"analyze": analysis.analyze}

    if __name__ == "__main__":
        serve("analyzer", "1", load)

``serve`` keeps file descriptor 1 for frames and points it at stderr before ``load`` imports
anything, so a stray print cannot break the protocol. A thread reads stdin, the main thread works,
another sends a heartbeat. With SFA_PARENT_PID in the environment the child dies with that process
(death signal, a look at the parent's pid, end of stdin); by hand it finishes what it read and
exits 0, or 1 if a request failed. Exit code 3: the parent left while a request ran.
One request runs at a time: cancel acts where the operation calls ``progress`` or ``check``.
"""

from __future__ import annotations

import ctypes
import errno
import faulthandler
import math
import os
import queue
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from sfa.ports import protocol
from sfa.ports.protocol import Bye, Cancel, ChildFrame, ProtocolError, Request

HEARTBEAT_SECONDS: Final = 5.0
PROGRESS_STEP: Final = 1.0
PROGRESS_SECONDS: Final = 0.1
# A step of 1 % can take minutes on a long track; the parent's stall limit wants signs of life.
PROGRESS_SLOW_SECONDS: Final = 2.0
MAX_PENDING: Final = 64


class InputError(Exception):
    """The request or its file is at fault; the same request will fail again."""


class ResourceError(Exception):
    """Memory, disk or a device was missing; the same request may work later."""


class Cancelled(Exception):
    """The request was cancelled."""


class Call:
    """One request at work: its arguments, and the ways to report on it."""

    def __init__(
        self,
        request: Request,
        send: Callable[[ChildFrame], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = request.id
        self.op = request.op
        self.args: Mapping[str, Any] = request.args
        self.cancelled = threading.Event()
        self._send = send
        self._clock = clock
        self._sent: tuple[float, float, str] | None = None
        self._percent = 0.0

    def check(self) -> None:
        """Raise Cancelled if the request has been cancelled."""
        if self.cancelled.is_set():
            raise Cancelled("cancelled")

    def progress(self, percent: float, stage: str = "") -> None:
        """Report progress (0..100, a fall is ignored), as often as wanted; checks for cancel."""
        self.check()
        if math.isfinite(percent):
            self._percent = max(self._percent, min(float(percent), 100.0))
        now = self._clock()
        if self._sent is not None:
            last, then, before = self._sent
            moved, waited = self._percent - last, now - then
            due = (moved >= PROGRESS_STEP and waited >= PROGRESS_SECONDS) or (
                moved > 0 and waited >= PROGRESS_SLOW_SECONDS
            )
            if not due and stage == before:
                return
        self._sent = (self._percent, now, stage)
        self._send(protocol.Progress(self.id, round(self._percent, 2), stage))

    def checkpoint(self, data: Mapping[str, Any]) -> None:
        """Report where this request could be taken up again."""
        self._send(protocol.Checkpoint(self.id, clean(data)))

    def log(self, message: str, level: protocol.Level = "info") -> None:
        """Send a line to the parent's log."""
        self._send(protocol.Log(level, scrub(message)[: protocol.MAX_TEXT], self.id))

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text argument; raise InputError where it is missing."""
        value = self.args.get(key, default)
        if not isinstance(value, str) or not value:
            raise InputError(f'the request for "{self.op}" needs "{key}", a text')
        return value


Op = Callable[[Call], Mapping[str, Any]]


def serve(
    name: str,
    version: str,
    ops: Mapping[str, Op] | Callable[[], Mapping[str, Op]],
    device: str = "cpu",
) -> NoReturn:
    """Serve until the parent says bye or stdin ends; ``ops`` may be a function that imports."""
    sys.exit(_Child(name, version, ops, device).run())


class _Child:
    def __init__(
        self,
        name: str,
        version: str,
        ops: Mapping[str, Op] | Callable[[], Mapping[str, Op]],
        device: str,
    ) -> None:
        parent = os.environ.get("SFA_PARENT_PID", "")
        self.parent = int(parent) if parent.isdigit() else None
        if self.parent is not None and sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(1, int(signal.SIGKILL), 0, 0, 0)
        self.watch_parent()
        self.out = _take_stdout()
        self.lock = threading.Lock()
        self.pending: queue.Queue[Call | None] = queue.Queue(MAX_PENDING)
        self.calls: dict[str, Call] = {}
        self.failed = False
        self.identity = (name, version, device)
        self.given = ops

    def run(self) -> int:
        faulthandler.enable()
        name, version, device = self.identity
        try:
            ops = self.given() if callable(self.given) else self.given
            self.send(
                protocol.Hello(
                    name, version, os.getpid(), tuple(ops), device, heartbeat=HEARTBEAT_SECONDS
                )
            )
            for target in (self.read, self.beat):
                threading.Thread(target=target, daemon=True, name=target.__name__).start()
            while (call := self.pending.get()) is not None:
                self.execute(ops, call)
            self.send(Bye("the input ended"))
        except KeyboardInterrupt:
            return 130
        return 1 if self.failed and self.parent is None else 0

    def execute(self, ops: Mapping[str, Op], call: Call) -> None:
        try:
            call.check()
            if (op := ops.get(call.op)) is None:
                raise InputError(f'there is no op "{call.op[:60]}"; ops: {", ".join(ops)}')
            line = answer(call.id, op(call))
        except Exception as error:  # noqa: BLE001 - every end of a request becomes a frame
            self.failed = True
            line = protocol.encode(failure(call.id, error))
        # Forgotten first: a cancel that comes after the last frame must hit nothing.
        if self.calls.get(call.id) is call:
            del self.calls[call.id]
        self.write(line)

    def read(self) -> None:
        splitter = protocol.Splitter(protocol.decode_parent)
        while True:
            try:
                data = os.read(0, 1 << 16)
            except OSError:
                data = b""
            for frame in splitter.feed(data) if data else splitter.close():
                match frame:
                    case Request():
                        call = Call(frame, self.send)
                        self.calls[call.id] = call
                        self.pending.put(call)
                    case Cancel(id=ident):
                        if (target := self.calls.get(ident)) is not None:
                            target.cancelled.set()
                    case Bye():
                        self.pending.put(None)
                    case ProtocolError():
                        self.failed = True
                        self.send(protocol.Error("", str(frame), "input"))
            if not data:
                if self.parent is not None:
                    os._exit(3 if self.calls else 0)
                self.pending.put(None)
                return

    def beat(self) -> None:
        while True:
            time.sleep(HEARTBEAT_SECONDS)
            self.watch_parent()
            self.send(protocol.Heartbeat(resident_bytes()))

    def watch_parent(self) -> None:
        # The parent may have died before the death signal was asked for.
        if self.parent is not None and os.getppid() != self.parent:
            os._exit(3)

    def send(self, frame: ChildFrame) -> None:
        self.write(protocol.encode(frame))

    def write(self, line: bytes) -> None:
        view = memoryview(line)
        with self.lock:
            try:
                while view:
                    view = view[os.write(self.out, view) :]
            except OSError:  # nobody listens any more
                os._exit(3 if self.calls else 0)


def _take_stdout() -> int:
    """Return a private copy of file descriptor 1 and point 1 at stderr."""
    out = os.dup(1)  # not inheritable: grandchildren cannot write frames
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return out


def failure(ident: str, error: Exception) -> protocol.Error:
    """Translate an exception into the frame that ends its request."""
    told = scrub(str(error))[: protocol.MAX_TEXT]
    match error:
        case Cancelled():
            return protocol.Error(ident, "cancelled", "cancelled")
        case InputError():
            return protocol.Error(ident, told, "input")
        case ResourceError():
            return protocol.Error(ident, told, "resource")
        case MemoryError():
            return protocol.Error(
                ident, "out of memory; free some or take a smaller job", "resource"
            )
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE):
            return protocol.Error(ident, f"{error.strerror}; free some space", "resource")
        case _:
            tail = scrub("".join(traceback.format_exception(error)))[-4000:]
            return protocol.Error(ident, f"{type(error).__name__}: {told}", "internal", tail)


_FOLDERS: Final = re.compile(r"(?<![\w:/.~-])/(?:[^/\s\"':]+/)+")


def scrub(text: str) -> str:
    """Take the folders of absolute paths out of a text: errors never show server paths."""
    return _FOLDERS.sub("", text)


def answer(ident: str, payload: Mapping[str, Any]) -> bytes:
    """The line of a result; what is no JSON is made such, which takes a while for a large one and is seldom needed."""
    try:
        return protocol.encode(protocol.Result(ident, payload))
    except ProtocolError:
        return protocol.encode(protocol.Result(ident, clean(payload)))


def clean(value: Any) -> Any:
    """Make a value JSON: arrays and scalars of libraries unwrapped, NaN and infinity to None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): clean(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [clean(entry) for entry in value]
    return value


def resident_bytes() -> int:
    """Return this process's resident memory in bytes, 0 where it cannot be told."""
    try:
        fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
