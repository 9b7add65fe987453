"""Talk to one child: wait for its hello, make a call, hear its progress, judge how it ended.

A call has three ways to end: a result; an `sfa.ports.protocol.Error` frame from a child that is still sound; or the
child's end (crash, timeout, silence, too much memory, a broken protocol), after which the child is `broken` and must be discarded.
Three clocks run (`sfa.ports.spec.Clocks`). A call that is cancelled, or too late, is asked to end by a cancel frame; a child
that answers within half of ``grace`` stays usable, any other climbs down the ladder of `sfa.ports.process`
within the other half. What the child says is bounded: a frame by its size, a flood of frames by the share of
this thread that it may take, rubbish by its amount.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, NoReturn

from sfa.ports import certificate, memory, protocol
from sfa.ports.process import Process
from sfa.ports.spec import Clocks, PortSpec

log = logging.getLogger(__name__)

FailureKind = Literal["input", "resource", "internal", "cancelled", "crash", "timeout", "start"]
OnProgress = Callable[[float, str], None]
OnCheckpoint = Callable[[Mapping[str, Any]], None]

FLOOD = 100
"""Frames in 64 KiB from which on a child is held back."""

RUBBISH = 10_000
"""Lines that are no frames after which a child is given up."""

LOOK_SECONDS = 1.0
"""How often memory is looked at during a call."""


async def _first(*futures: asyncio.Future[Any], seconds: float | None = None) -> None:
    await asyncio.wait(list(futures), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


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
        self.broken = False
        self.job: int | None = None
        """The queue row it works for, for the record."""
        self.hello: protocol.Hello | None = None
        self.born = self.idle_since = time.monotonic()
        self._grace = grace
        self._ids = itertools.count(1)
        self._current: str | None = None
        self._ended: asyncio.Future[Any] | None = None
        self._on_progress: OnProgress | None = None
        self._on_checkpoint: OnCheckpoint | None = None
        self._last_progress: tuple[float, str] = (0.0, "")
        self._moved = self._heard = time.monotonic()
        self._cpu_before = 0.0
        self._rubbish = self._logged = 0
        self._ready: asyncio.Future[protocol.Hello] = asyncio.get_running_loop().create_future()
        self._closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read(), name=f"{spec.name}-{process.pid}")

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return self._current is not None

    @property
    def dead(self) -> bool:
        """Whether it can't take another call."""
        return self.broken or self._closed.done() or self.process.returncode is not None

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.born

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
            await _first(port._ready, port._closed, seconds=spec.start_seconds)
        except BaseException:
            await port._destroy("the start was given up")
            raise
        if port._ready.done():
            if (spoken := port._ready.result().protocol) == protocol.PROTOCOL:
                return port
            message = f"port {spec.name} speaks protocol {spoken}, not {protocol.PROTOCOL}"
            await port._destroy(message)
            raise PortFailure("start", message, port.certificate("another protocol"))
        if port._closed.done():
            await port._destroy(None)
            message = f"port {spec.name} ended before it was ready: {certificate.died(process)}"
            raise PortFailure("start", message, port.certificate("crashed at start"))
        message = f"port {spec.name} did not say hello within {spec.start_seconds:g} s"
        await port._destroy(message)
        raise PortFailure("start", message, port.certificate("start timeout"))

    async def call(
        self,
        op: str,
        args: Mapping[str, Any],
        *,
        clocks: Clocks,
        on_progress: OnProgress | None = None,
        on_checkpoint: OnCheckpoint | None = None,
    ) -> Mapping[str, Any]:
        """Send a request; its result's fields. Anything else raises `PortFailure`."""
        ident = str(next(self._ids))
        line = protocol.encode(protocol.Request(ident, op, args))
        self._current = ident
        self._ended = asyncio.get_running_loop().create_future()
        self._on_progress, self._on_checkpoint = on_progress, on_checkpoint
        self._last_progress = (0.0, "")
        self.calls += 1
        self._rubbish = 0
        self._cpu_before = self.process.cpu
        memory.forget_peak(self.process.pid)
        # A child that does not read must not hold up the clocks.
        sending = asyncio.create_task(self.process.write(line))
        try:
            return await self._outcome(ident, clocks)
        except asyncio.CancelledError:
            await self._end(ident, "the job was stopped")
            raise
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            self._current = self._ended = self._on_progress = self._on_checkpoint = None
            self.idle_since = time.monotonic()

    async def _outcome(self, ident: str, clocks: Clocks) -> Mapping[str, Any]:
        ended = self._ended
        assert ended is not None
        started = self._moved = self._heard = time.monotonic()
        while True:
            left = self._nearest(started, clocks) - time.monotonic()
            wait = max(0.0, min(left, LOOK_SECONDS))
            before = time.monotonic()
            await _first(ended, self._closed, seconds=wait)
            now = time.monotonic()
            if ended.done():
                return self._verdict(ended.result())
            if self._closed.done():
                await self._fall(self._closed.result())
            if now - before - wait > 1.0:
                # It is this worker that was late: what the child said meanwhile has yet to be read.
                shift = now - before - wait
                started, self._moved, self._heard = started + shift, self._moved + shift, self._heard + shift  # fmt: skip
                continue
            if self._rubbish > RUBBISH:
                await self._give_up(
                    "internal", f"{self.spec.name} does not keep to the protocol", ""
                )
            if (used := memory.resident(self.process.pid)) > self.spec.memory_limit:
                why = f"{self.spec.name} took {used >> 20} MB of memory, {self.spec.memory_limit >> 20} MB are allowed"
                await self._give_up("resource", why, "")
            await self._check(ident, now, started, clocks)

    def _nearest(self, started: float, clocks: Clocks) -> float:
        silence = self._heard + clocks.silence if self._beats else float("inf")
        return min(self._moved + clocks.stall, started + clocks.hard, silence)

    async def _check(self, ident: str, now: float, started: float, clocks: Clocks) -> None:
        name = self.spec.name
        if self._beats and now >= self._heard + clocks.silence:
            await self._give_up("timeout", f"{name} was silent for {clocks.silence:g} s", "")
        if now >= started + clocks.hard:
            await self._give_up("timeout", f"{name} took longer than {clocks.hard:g} s", ident)
        if now >= self._moved + clocks.stall:
            await self._give_up("timeout", f"{name} made no progress for {clocks.stall:g} s", ident)

    @property
    def _beats(self) -> bool:
        return self.hello is not None and self.hello.heartbeat > 0

    def _verdict(self, frame: protocol.Result | protocol.Error) -> Mapping[str, Any]:
        match frame:
            case protocol.Result(payload=payload):
                return payload
            case protocol.Error(message=message, kind=kind, detail=detail):
                facts = self.certificate(f"error: {kind}")
                raise PortFailure(kind, message, {**facts, "detail": detail} if detail else facts)

    async def _fall(self, closed: str) -> NoReturn:
        """Its stdout has ended: a moment for its exit code, then it is over either way."""
        gone = True
        try:
            async with asyncio.timeout(1):
                await self.process.reaped()
        except TimeoutError:
            gone = False
        await self._destroy(None if gone else closed)
        how = certificate.died(self.process) if gone else closed
        raise PortFailure(
            "crash", f"{self.spec.name} ended without a result: {how}", self.certificate("crashed")
        )

    async def _give_up(self, kind: FailureKind, why: str, ident: str) -> NoReturn:
        """End a call that must not go on; a child that can't be asked (no ``ident``) is killed."""
        if ident:
            await self._end(ident, why)
        else:
            await self._destroy(why)
        raise PortFailure(kind, why, self.certificate(why))

    async def _end(self, ident: str, why: str) -> None:
        """Ask for the call's end; a child that answers in time stays usable, any other is ended."""
        assert self._ended is not None
        half = self._grace / 2
        try:
            async with asyncio.timeout(half):
                await self.process.write(protocol.encode(protocol.Cancel(ident)))
                await _first(self._ended, self._closed)
            if self._ended.done() and not self.process.torn:
                return
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            await self._destroy(why)
            return
        self.broken = True
        await self.process.stop(half, why)
        await self._close()

    async def stop(self, why: str = "stopped") -> None:
        """End the child politely; then not."""
        self.broken = True
        await self.process.stop(self._grace, why)
        await self._close()

    async def _destroy(self, why: str | None) -> None:
        self.broken = True
        if why is None:
            await self.process.wait()
        else:
            await self.process.kill(why)
        await self._close()

    async def _close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self.process.close()

    def certificate(self, why: str) -> dict[str, Any]:
        """How the child is, or how it died: the attempt's certificate."""
        percent, stage = self._last_progress
        return certificate.certificate(
            self.process, why, cpu_before=self._cpu_before, port=self.spec.name, device=self.device,
            calls=self.calls, last_percent=percent, last_stage=stage or None,
            protocol_errors=self._rubbish or None,
        )  # fmt: skip

    @property
    def device(self) -> str:
        """Where it computes: what it says itself, else what it was started for."""
        return self.hello.device if self.hello is not None else self.spec.device

    def resident(self) -> int:
        """Resident bytes right now, 0 where the system does not say."""
        return memory.resident(self.process.pid)

    async def _read(self) -> None:
        splitter = protocol.Splitter(protocol.decode_child)
        try:
            while data := await self.process.read():
                began = time.monotonic()
                frames = splitter.feed(data)
                for frame in frames:
                    self._take(frame)
                # Not reading is what makes a child wait: a flood may take a quarter of this thread, no more.
                flood = len(frames) > FLOOD
                await asyncio.sleep(3 * (time.monotonic() - began) if flood else 0)
        finally:
            if not self._closed.done():
                self._closed.set_result("it closed its stdout")

    def _take(self, frame: protocol.ChildFrame | protocol.ProtocolError) -> None:
        self._heard = time.monotonic()
        match frame:
            case protocol.Hello():
                self.hello = self.hello or frame
                if not self._ready.done():
                    self._ready.set_result(frame)
            case protocol.Progress(id=ident, percent=percent, stage=stage) if (
                ident == self._current
            ):
                now = (max(percent, self._last_progress[0]), stage)
                if now != self._last_progress:
                    self._moved = self._heard
                self._last_progress = now
                if self._on_progress is not None:
                    self._on_progress(*now)
            case protocol.Checkpoint(id=ident, data=data) if ident == self._current:
                self._moved = self._heard
                if self._on_checkpoint is not None:
                    self._on_checkpoint(data)
            case protocol.Result(id=ident) | protocol.Error(id=ident) if ident == self._current:
                self._settle(frame)
            case protocol.Log(level=level, message=message):
                if self._bounded():
                    log.log(getattr(logging, level.upper()), "%s: %s", self.spec.name, message)
            case protocol.ProtocolError():
                self._rubbish += 1
                if frame.kind in ("result", "error") and self._current is not None:
                    # It has said its last word on this request, and nobody can read it.
                    text = f"the {frame.kind} that {self.spec.name} sent is no frame: {frame}"
                    self._settle(protocol.Error(self._current, text, "internal"))
                elif self._bounded():
                    log.warning("%s broke the protocol: %s", self.spec.name, frame)
            case _:
                log.debug("%s sent a frame out of turn: %s", self.spec.name, type(frame).__name__)

    def _settle(self, frame: protocol.Result | protocol.Error) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(frame)

    def _bounded(self) -> bool:
        """Whether another line may go into the log: a hundred a call are enough."""
        self._logged += 1
        return self._logged < 100 * max(1, self.calls)
