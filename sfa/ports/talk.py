"""Talk with a child under test: ask it things, keep all that it says, and note where it breaks the rules of the protocol.

`Talk` is to `sfa.ports.conformance` what `sfa.ports.port` is to a worker: the same spawn, pipes and environment, but
nothing is forgiven. Rules that hold for everything a child says, whatever it was asked, are watched here: each breach
goes to ``note`` with the name of its rule. A question that is not answered in time is a `Broken`.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from sfa.ports import protocol
from sfa.ports.certificate import died
from sfa.ports.process import Process
from sfa.ports.protocol import ChildFrame, Error, Progress, ProtocolError, Result

STDOUT: Final = "stdout"
PROGRESS: Final = "progress"
ANSWERS: Final = "answers"
LEFTOVERS: Final = "leftovers"

Note = Callable[[str, str], object]


class Broken(Exception):
    """A rule is broken; the message says how."""


class Talk:
    """One child in one conversation; make it with `begin`, end it with `close`."""

    def __init__(self, process: Process, note: Note) -> None:
        self.process = process
        self.hello: protocol.Hello | None = None
        self.refusals = 0
        """Errors of the id "": answers to rubbish."""
        self._note = note
        self._asked: dict[str, float] = {}
        self._ended: dict[str, Result | Error] = {}
        self._beats = 0
        self._changed = asyncio.Event()
        self._over = self._told = False
        self._reader = asyncio.create_task(self._read(), name=f"talk-{process.pid}")

    @classmethod
    async def begin(cls, command: Sequence[str], seconds: float, note: Note) -> Talk:
        """Start the child and wait for its hello."""
        try:
            process = await Process.spawn(command, {})
        except OSError as error:
            raise Broken(f"it cannot be started: {error.strerror}") from None
        talk = cls(process, note)
        try:
            await talk.until(lambda: talk.hello is not None, seconds, "it did not say hello")
        except BaseException:
            await talk.close()
            raise
        return talk

    async def write(self, data: bytes, seconds: float) -> None:
        """Send bytes as they are."""
        try:
            async with asyncio.timeout(seconds):
                await self.process.write(data)
        except TimeoutError:
            raise Broken(f"it does not read its stdin: not within {seconds:g} s") from None

    async def ask(self, request: protocol.Request, seconds: float) -> None:
        """Send a request."""
        self._asked[request.id] = 0.0
        await self.write(protocol.encode(request), seconds)

    def expect(self, ident: str) -> None:
        """A request of this id is on its way by other means."""
        self._asked[ident] = 0.0

    def answer(self, ident: str) -> Result | Error | None:
        """How a request has ended, if it has."""
        return self._ended.get(ident)

    async def answered(self, ident: str, seconds: float) -> Result | Error:
        """Wait for a request's end."""
        await self.until(lambda: ident in self._ended, seconds, "a request had not ended")
        return self._ended[ident]

    async def began(self, ident: str, seconds: float) -> None:
        """Wait until there is progress on a request, or until it has ended, or for ``seconds``."""
        with suppress(Broken):
            await self.until(lambda: self._asked[ident] > 0 or ident in self._ended, seconds, "")

    async def beaten(self, seconds: float) -> None:
        """Wait for a heartbeat."""
        await self.until(lambda: self._beats > 0, seconds, "there was no heartbeat")

    async def refused(self, count: int, seconds: float) -> None:
        """Wait until that many lines were answered as rubbish."""
        try:
            await self.until(lambda: self.refusals >= count, seconds, "")
        except Broken:
            if self._over:
                raise
            raise Broken(f"{self.refusals} of {count} lines were answered by an error of id \"\"") from None  # fmt: skip

    async def until(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until something holds; `Broken` with ``what`` if the child ends before, or time does."""
        end = time.monotonic() + seconds
        while not done():
            if self._over:
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await self.process.reaped()
                if self.process.returncode is None:
                    raise Broken("it closed its stdout")
                raise Broken(f"it ended without being asked to: {died(self.process)}")
            self._changed.clear()
            try:
                async with asyncio.timeout(max(0.0, end - time.monotonic())):
                    await self._changed.wait()
            except TimeoutError:
                if not done():
                    raise Broken(f"{what} after {seconds:g} s") from None

    async def gone(self, seconds: float, after: str) -> int:
        """Wait for its own end; the exit code."""
        try:
            async with asyncio.timeout(seconds):
                await self.process.reaped()
        except TimeoutError:
            raise Broken(f"it was still there {seconds:g} s after {after}") from None
        await self.close()
        assert self.process.returncode is not None
        return self.process.returncode

    async def deafen(self) -> None:
        """Close the reading end of its stdout, as the death of a parent does."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self.process.close()

    def term(self) -> None:
        """Send it SIGTERM, as it comes before SIGKILL."""
        self._told = True
        self.process.signal_group(signal.SIGTERM)

    async def close(self) -> None:
        """End it, if it lives, and note what it left; twice does no harm."""
        alone = self.process.returncode is not None and self.process.ended_by is None and not self._told  # fmt: skip
        if self.process.returncode is None:
            await self.process.kill("the check is over")
        else:
            await self.process.wait()
        if alone and self.process.swept:
            self._note(LEFTOVERS, f"it ended and left {self.process.swept} processes")
            self.process.swept = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.gather(self._reader, return_exceptions=True)
        self._reader.cancel()
        self.process.close()

    async def _read(self) -> None:
        splitter = protocol.Splitter(protocol.decode_child)
        try:
            while data := await self.process.read():
                for frame in splitter.feed(data):
                    self._take(frame)
                self._changed.set()
            if splitter.held and self.process.ended_by is None:
                self._note(STDOUT, "it ended in the middle of a line")
        finally:
            self._over = True
            self._changed.set()

    def _take(self, frame: ChildFrame | ProtocolError) -> None:
        if self.hello is None and not isinstance(frame, protocol.Hello):
            self._note(STDOUT, f"something came before its hello: {_named(frame)}")
        match frame:
            case ProtocolError():
                self._note(STDOUT, f"a line is no frame: {frame}")
            case protocol.Hello():
                if self.hello is not None:
                    self._note(STDOUT, "it said hello twice")
                self.hello = self.hello or frame
            case protocol.Heartbeat():
                self._beats += 1
            case Progress(id=ident, percent=percent):
                self._progress(ident, percent)
            case protocol.Checkpoint(id=ident):
                self._progress(ident, self._asked.get(ident, 0.0))
            case Error(id=""):
                self.refusals += 1
            case Result(id=ident) | Error(id=ident):
                if ident not in self._asked:
                    self._note(ANSWERS, f"it answered {ident[:40]!r}, which nobody asked")
                elif ident in self._ended:
                    self._note(ANSWERS, "it answered one request twice")
                else:
                    self._ended[ident] = frame
            case protocol.Log() | protocol.Bye():
                pass

    def _progress(self, ident: str, percent: float) -> None:
        if ident not in self._asked:
            self._note(PROGRESS, f"there was progress of {ident[:40]!r}, which nobody asked")
        elif ident in self._ended:
            self._note(PROGRESS, "there was progress of a request that had ended")
        elif percent < self._asked[ident]:
            self._note(PROGRESS, f"progress fell from {self._asked[ident]:g} to {percent:g}")
        else:
            # Zero per cent is a sign of life as well.
            self._asked[ident] = max(percent, 1e-9)


def _named(frame: ChildFrame | ProtocolError) -> str:
    return str(frame) if isinstance(frame, ProtocolError) else type(frame).__name__.lower()
