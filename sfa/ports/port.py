"""Talk to one child: wait for its hello, make a call, hear its progress, judge how it ended.

A call has three ways to end: a result; an `sfa.ports.protocol.Error` frame from a child that is still sound; or the
child's end (crash, timeout, silence, a broken protocol), after which the child is `broken` and must be discarded.
Two clocks run: ``stall`` (seconds without progress) and ``hard`` (seconds in all). Cancelling the task that awaits
`call` sends a cancel frame, gives the child ``grace`` seconds to answer, then kills its group.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import resource
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sfa.ports import protocol
from sfa.ports.process import Process

log = logging.getLogger(__name__)

FailureKind = Literal["input", "resource", "internal", "cancelled", "crash", "timeout", "start"]
OnProgress = Callable[[float, str], None]
OnCheckpoint = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSpec:
    """What a port is: its name, the program, and when its children are replaced.

    Options:
        command: the program; any that speaks the protocol.
        env: variables beside the few inherited ones.
        start_seconds: from start to hello (60).
        max_calls: calls after which a child is replaced (200).
        max_rss: resident bytes after which it is replaced (6 GB).
        idle_seconds: idle time after which it is ended (600).
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    start_seconds: float = 60.0
    max_calls: int = 200
    max_rss: int = 6 << 30
    idle_seconds: float = 600.0


async def _first(*futures: asyncio.Future[Any], seconds: float | None = None) -> None:
    await asyncio.wait(list(futures), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name of its own
        return f"signal {number}"


class PortFailure(Exception):
    """A call that brought no result; ``certificate`` says how the child was when it ended."""

    def __init__(self, kind: FailureKind, message: str, certificate: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.kind = kind
        self.certificate = certificate


class Port:
    """One child; make it with `start`, use `call`, end it with `stop`."""

    def __init__(self, spec: PortSpec, process: Process, grace: float) -> None:
        self.spec = spec
        self.process = process
        self.calls = 0
        self.rss = 0
        self.broken = False
        self.hello: protocol.Hello | None = None
        self.idle_since = time.monotonic()
        self._grace = grace
        self._ids = itertools.count(1)
        self._current: str | None = None
        self._ended: asyncio.Future[Any] | None = None
        self._on_progress: OnProgress | None = None
        self._on_checkpoint: OnCheckpoint | None = None
        self._last_progress: tuple[float, str] = (0.0, "")
        self._heard = time.monotonic()
        self._ready: asyncio.Future[protocol.Hello] = asyncio.get_running_loop().create_future()
        self._closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read(), name=f"{spec.name}-{process.pid}")

    @classmethod
    async def start(cls, spec: PortSpec, grace: float) -> Port:
        """Start a child and wait for its hello; `PortFailure` if it does not come."""
        try:
            process = await Process.spawn(spec.command, spec.env)
        except OSError as error:
            raise PortFailure(
                "start", f"port {spec.name} cannot be started: {error.strerror}", {}
            ) from error
        port = cls(spec, process, grace)
        try:
            async with asyncio.timeout(spec.start_seconds):
                await _first(port._ready, port._closed)
        except TimeoutError:
            await port._destroy()
            message = f"port {spec.name} did not say hello within {spec.start_seconds:g} s"
            raise PortFailure("start", message, port.certificate("start timeout")) from None
        except BaseException:
            await port._destroy()
            raise
        if not port._ready.done():
            await port._destroy()
            message = f"port {spec.name} ended before it was ready: {port._exit_text()}"
            raise PortFailure("start", message, port.certificate("crashed at start"))
        return port

    async def call(
        self,
        op: str,
        args: Mapping[str, Any],
        *,
        stall: float,
        hard: float,
        on_progress: OnProgress | None = None,
        on_checkpoint: OnCheckpoint | None = None,
    ) -> Mapping[str, Any]:
        """Send a request; its result's fields. Anything else raises `PortFailure`."""
        self._current = ident = str(next(self._ids))
        self._ended = asyncio.get_running_loop().create_future()
        self._on_progress = on_progress
        self._on_checkpoint = on_checkpoint
        self._last_progress = (0.0, "")
        self.calls += 1
        started = self._heard = time.monotonic()
        try:
            await self.process.write(protocol.encode(protocol.Request(ident, op, args)))
            return await self._outcome(started, stall, hard)
        except asyncio.CancelledError:
            await self._cancel(ident)
            raise
        finally:
            self._current = self._ended = self._on_progress = self._on_checkpoint = None
            self.idle_since = time.monotonic()

    async def _outcome(self, started: float, stall: float, hard: float) -> Mapping[str, Any]:
        assert self._ended is not None
        while True:
            left = min(self._heard + stall, started + hard) - time.monotonic()
            if left <= 0:
                late = (
                    "made no progress for"
                    if time.monotonic() < started + hard
                    else "took longer than"
                )
                limit = stall if late.startswith("made") else hard
                await self._destroy()
                raise PortFailure(
                    "timeout", f"{self.spec.name} {late} {limit:g} s", self.certificate("timeout")
                )
            await asyncio.wait(
                {self._ended, self._closed}, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            if self._ended.done():
                match self._ended.result():
                    case protocol.Result(payload=payload):
                        return payload
                    case protocol.Error(message=message, kind=kind, detail=detail):
                        certificate = self.certificate(f"error: {kind}")
                        raise PortFailure(
                            kind,
                            message,
                            {**certificate, "detail": detail} if detail else certificate,
                        )
            if self._closed.done():
                await self._destroy()
                message = f"{self.spec.name} ended without a result: {self._exit_text()}"
                raise PortFailure("crash", message, self.certificate("crashed"))

    async def _cancel(self, ident: str) -> None:
        """Ask; a child that answers in time stays usable, any other is killed."""
        assert self._ended is not None
        try:
            async with asyncio.timeout(self._grace):
                await self.process.write(protocol.encode(protocol.Cancel(ident)))
                await _first(self._ended, self._closed)
        except (TimeoutError, asyncio.CancelledError):
            pass
        if not self._ended.done():
            await self._destroy()

    async def stop(self) -> None:
        """End the child politely; then not."""
        self.broken = True
        await self.process.stop(self._grace)
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _destroy(self) -> None:
        self.broken = True
        await self.process.kill()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    def certificate(self, why: str) -> dict[str, Any]:
        """How the child is, or how it died: the attempt's certificate."""
        code = self.process.returncode
        percent, stage = self._last_progress
        facts: dict[str, Any] = {
            "port": self.spec.name,
            "pid": self.process.pid,
            "why": why,
            "exit_code": code if code is not None and code >= 0 else None,
            "signal": _signal_name(-code) if code is not None and code < 0 else None,
            "peak_rss": self.rss or None,
            "last_percent": percent,
            "last_stage": stage or None,
            "stderr": self.process.stderr_tail[-16384:] or None,
        }
        return {key: value for key, value in facts.items() if value is not None}

    def _exit_text(self) -> str:
        code = self.process.returncode
        if code is not None and code < 0:
            return f"killed by {_signal_name(-code)}"
        words = self.process.stderr_tail.strip().splitlines()
        return f"exit code {code}" + (f" ({words[-1][:200]})" if words else "")

    def resident(self) -> int:
        """Resident bytes right now, 0 where the system does not say."""
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            return 0
        return pages * resource.getpagesize()

    async def _read(self) -> None:
        splitter = protocol.Splitter(protocol.decode_child)
        why = "stdout was closed"
        try:
            while data := await self.process.read():
                for frame in splitter.feed(data):
                    self._take(frame)
        finally:
            if not self._closed.done():
                self._closed.set_result(why)

    def _take(self, frame: protocol.ChildFrame | protocol.ProtocolError) -> None:
        match frame:
            case protocol.Hello():
                self.hello = frame
                if not self._ready.done():
                    self._ready.set_result(frame)
            case protocol.Progress(id=ident, percent=percent, stage=stage) if (
                ident == self._current
            ):
                self._heard = time.monotonic()
                self._last_progress = (max(percent, self._last_progress[0]), stage)
                if self._on_progress is not None:
                    self._on_progress(*self._last_progress)
            case protocol.Checkpoint(id=ident, data=data) if ident == self._current:
                self._heard = time.monotonic()
                if self._on_checkpoint is not None:
                    self._on_checkpoint(data)
            case protocol.Heartbeat(rss=rss):
                self.rss = max(self.rss, rss)
            case protocol.Result(id=ident) | protocol.Error(id=ident) if ident == self._current:
                if self._ended is not None and not self._ended.done():
                    self._ended.set_result(frame)
            case protocol.Log(level=level, message=message):
                log.log(getattr(logging, level.upper()), "%s: %s", self.spec.name, message)
            case protocol.ProtocolError():
                log.warning("%s broke the protocol: %s", self.spec.name, frame)
            case _:
                log.debug("%s sent a frame out of turn: %s", self.spec.name, type(frame).__name__)
