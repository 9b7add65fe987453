"""Put a child through what PROTOCOL.md asks of it.

Each check starts a child of its own, talks with it, and lets it end; several run side by side. A check is a rule of the page, a
breach is one line that says what happened instead. Checks that need a request which takes a while (to cancel it, to
leave during it) are skipped where the request at hand is over too soon.

Limits: a child passes that does nothing useful; that it reads slowly or computes wrongly is not seen here. Time is
measured generously, so what takes twice the grace on a busy machine may pass.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from sfa.ports import protocol
from sfa.ports.protocol import MAX_FRAME, MAX_ID, Cancel, Error, Request, Result
from sfa.ports.talk import ANSWERS, LEFTOVERS, PROGRESS, STDOUT, Broken, Talk

State = Literal["ok", "broken", "skipped"]

RUBBISH = (
    b"rubbish", b"[1,2]", b'{"type":"request"}', b'{"type":"result","id":"1"}', b"\xff\xfe", b'{"type":"request","id":"1","op":"',
)  # fmt: skip


class Skipped(Exception):
    """A check can't be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check's outcome; ``text`` says what was seen, where that is worth a word."""

    check: str
    rule: str
    state: State
    text: str = ""


@dataclass(slots=True)
class Bench:
    """The child under test.

    Options:
        command: the program.
        op, args: a request that it should do well (op None: its first; what it answers does not matter then).
        grace: seconds that it has to stop (5).
        seconds: for a call (60).
        start: seconds for its start (60).
    """

    command: Sequence[str]
    op: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    grace: float = 5.0
    seconds: float = 60.0
    start: float = 60.0
    hello: protocol.Hello | None = None
    breaches: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def talk(self) -> AsyncIterator[Talk]:
        """A child, ready; ended afterwards if it has not ended itself."""
        talk = await Talk.begin(self.command, self.start, self.breaches.setdefault)
        try:
            self.hello = self.hello or talk.hello
            yield talk
        finally:
            await talk.close()

    def request(self, ident: str, **more: Any) -> Request:
        """The request at hand."""
        op = self.op or (self.hello.ops[0] if self.hello and self.hello.ops else "")
        return Request(ident, op, {**self.args, **more})

    async def call(self, talk: Talk, ident: str = "1", **more: Any) -> Result | Error:
        """Make a call and wait for its end."""
        await talk.ask(self.request(ident, **more), self.seconds)
        return await talk.answered(ident, self.seconds)

    async def engage(self, talk: Talk) -> None:
        """Have it at work on the request "1"; `Skipped` if that is over too soon."""
        await talk.ask(self.request("1"), self.seconds)
        await talk.began("1", 0.3)
        if talk.answer("1") is not None:
            raise Skipped("the request was over too soon; give one that takes a few seconds")


async def hello(bench: Bench) -> str:
    async with bench.talk() as talk:
        said = talk.hello
        assert said is not None
        if said.protocol != protocol.PROTOCOL:
            raise Broken(f"it speaks version {said.protocol}, not {protocol.PROTOCOL}")
        if not said.ops or len(set(said.ops)) < len(said.ops):
            raise Broken("ops is empty, or names one twice")
        if not said.name or not said.version:
            raise Broken("name or version is empty")
        if said.pid != talk.process.pid:
            raise Broken(f"pid is {said.pid}, but the child is {talk.process.pid}")
        if bench.op is not None and bench.op not in said.ops:
            raise Broken(f"it has no op {bench.op!r}; it has {', '.join(said.ops)}")
        return f"{said.name} {said.version}, {said.device}: {', '.join(said.ops)}"[:200]


async def call(bench: Bench) -> str:
    async with bench.talk() as talk:
        for number in (1, 2):
            await bench.call(talk, f"call-{number}")
        end = await bench.call(talk, "call-3")
        if isinstance(end, Result):
            return "a result"
        if bench.op is None:
            return f"an error of kind {end.kind}; with --op and --args it should be a result"
        raise Broken(f"the request ended in an error ({end.kind}): {end.message[:200]}")


async def ids(bench: Bench) -> str:
    async with bench.talk() as talk:
        for ident in ("a-7_Z.9", "x" * MAX_ID):
            await bench.call(talk, ident)
    return ""


async def pieces(bench: Bench) -> str:
    async with bench.talk() as talk:
        line = protocol.encode(bench.request("1"))
        talk.expect("1")
        for part in (line[:5], line[5:-1], line[-1:]):
            await talk.write(part, bench.grace)
            await asyncio.sleep(0.02)
        await talk.answered("1", bench.seconds)
    return ""


async def together(bench: Bench) -> str:
    async with bench.talk() as talk:
        names = [f"t{number}" for number in range(3)]
        for ident in names:
            talk.expect(ident)
        lines = b"".join(protocol.encode(bench.request(ident)) for ident in names)
        await talk.write(lines, bench.seconds)
        for ident in names:
            await talk.answered(ident, bench.seconds)
    return ""


async def unknown_fields(bench: Bench) -> str:
    async with bench.talk() as talk:
        extra = {
            "type": "hello",
            "note": 'a "quoted" \\ 🎵 \ud800 {"op":"x"}',
            "deep": [[{"id": "9"}]],
        }
        await bench.call(talk, sfa_unknown=extra)
    return ""


async def unknown_op(bench: Bench) -> str:
    async with bench.talk() as talk:
        await talk.ask(Request("1", "sfa-no-such-op"), bench.grace)
        match await talk.answered("1", bench.seconds):
            case Error(kind="input"):
                await bench.call(talk, "2")
            case Error(kind=kind):
                raise Broken(f"the error is of kind {kind}, not input")
            case Result():
                raise Broken("it gave a result for an operation that it does not have")
    return ""


async def rubbish(bench: Bench) -> str:
    async with bench.talk() as talk:
        for count, line in enumerate(RUBBISH, start=1):
            await talk.write(line + b"\n", bench.grace)
            await talk.refused(count, bench.seconds)
        await bench.call(talk)
    return ""


async def longest(bench: Bench) -> str:
    async with bench.talk() as talk:
        room = MAX_FRAME - len(protocol.encode(bench.request("1", sfa_filling="")))
        await bench.call(talk, "1", sfa_filling="x" * room)
    return ""


async def too_long(bench: Bench) -> str:
    async with bench.talk() as talk:
        await talk.write(b"x" * (2 * MAX_FRAME) + b"\n", bench.seconds)
        await talk.refused(1, bench.seconds)
        await bench.call(talk)
    return ""


async def cancel(bench: Bench) -> str:
    async with bench.talk() as talk:
        await bench.engage(talk)
        await talk.write(protocol.encode(Cancel("1")), bench.grace)
        end = await talk.answered("1", bench.grace / 2)
        await talk.ask(bench.request("2"), bench.grace)
        await talk.write(protocol.encode(Cancel("2")), bench.grace)
        await talk.answered("2", bench.seconds)
        return f"error of kind {end.kind}" if isinstance(end, Error) else "it had a result by then"


async def late_cancel(bench: Bench) -> str:
    async with bench.talk() as talk:
        await bench.call(talk)
        for ident in ("1", "nobody"):
            await talk.write(protocol.encode(Cancel(ident)), bench.grace)
        await bench.call(talk, "2")
    return ""


async def heartbeat(bench: Bench) -> str:
    async with bench.talk() as talk:
        assert talk.hello is not None
        if (promised := talk.hello.heartbeat) == 0:
            raise Skipped("it promises none")
        await talk.beaten(2 * promised + 5)
        return f"every {promised:g} s"


async def eof(bench: Bench) -> str:
    async with bench.talk() as talk:
        await bench.call(talk)
        talk.process.end_input()
        return _zero(await talk.gone(bench.grace, "its stdin ended"))


async def bye(bench: Bench) -> str:
    async with bench.talk() as talk:
        await talk.write(protocol.encode(protocol.Bye("the check is over")), bench.grace)
        return _zero(await talk.gone(bench.grace, "it was told bye"))


async def eof_busy(bench: Bench) -> str:
    async with bench.talk() as talk:
        await bench.engage(talk)
        talk.process.end_input()
        await talk.gone(bench.grace, "its stdin ended during a request")
    return ""


async def parent_gone(bench: Bench) -> str:
    async with bench.talk() as talk:
        await talk.ask(bench.request("1"), bench.grace)
        await talk.deafen()
        talk.process.end_input()
        await talk.gone(bench.grace, "its parent's ends of both pipes were closed")
    return ""


async def sigterm(bench: Bench) -> str:
    async with bench.talk() as talk:
        await talk.ask(bench.request("1"), bench.grace)
        await talk.began("1", 0.3)
        talk.term()
        await talk.gone(bench.grace, "a SIGTERM")
    return ""


def _zero(code: int) -> str:
    if code != 0:
        raise Broken(f"it ended with {f'exit code {code}' if code > 0 else f'signal {-code}'}, not with 0")  # fmt: skip
    return ""


CHECKS: dict[str, tuple[str, Callable[[Bench], Awaitable[str]] | None]] = {
    "hello": ("says hello first, with all that belongs to it", hello),
    "call": ("ends a request in a result or an error, and takes the next one", call),
    "ids": ("gives a request's id back as it is", ids),
    "pieces": ("takes a frame that comes in pieces", pieces),
    "together": ("takes several frames at once and answers each", together),
    "fields": ("ignores fields that it does not know", unknown_fields),
    "op": ("answers an unknown op with an error of kind input", unknown_op),
    "rubbish": ("answers a line that is no frame, and goes on", rubbish),
    "longest": (f"takes a frame of {MAX_FRAME} bytes", longest),
    "too-long": ("answers a longer line, and goes on", too_long),
    "cancel": ("ends a cancelled request within half the grace", cancel),
    "late-cancel": ("ignores a cancel that comes too late", late_cancel),
    "heartbeat": ("keeps its promise of heartbeats", heartbeat),
    "eof": ("exits with 0 when its stdin ends", eof),
    "bye": ("exits with 0 when told bye", bye),
    "eof-busy": ("ends when its stdin ends during a request", eof_busy),
    "parent-gone": ("ends when its parent has died during a request", parent_gone),
    "sigterm": ("ends on SIGTERM during a request", sigterm),
    STDOUT: ("writes frames to stdout, whole ones, and nothing else", None),
    PROGRESS: ("reports progress that does not fall, of the request at work", None),
    ANSWERS: ("answers each request once", None),
    LEFTOVERS: ("leaves no process behind", None),
}


async def check(bench: Bench, at_once: int | None = None) -> list[Verdict]:
    """Make all checks; `sfa.ports.kin.adopt` first, or what leaves the child's group is not found."""
    first = await judge("hello", bench)
    found = {"hello": first}
    if bench.hello is None:
        text = "it never came to that"
        return [first, *(Verdict(n, rule, "skipped", text) for n, (rule, _) in CHECKS.items() if n != "hello")]  # fmt: skip
    limit = asyncio.Semaphore(at_once or min(4, os.cpu_count() or 1))

    async def one(name: str) -> None:
        async with limit:
            found[name] = await judge(name, bench)

    names = [name for name, (_, function) in CHECKS.items() if function and name != "hello"]
    await asyncio.gather(*(one(name) for name in names))
    for name, (rule, function) in CHECKS.items():
        if function is None:
            breach = bench.breaches.get(name)
            found[name] = Verdict(name, rule, "broken" if breach else "ok", breach or "")
    return [found[name] for name in CHECKS]


async def judge(name: str, bench: Bench) -> Verdict:
    """Make one check."""
    rule, function = CHECKS[name]
    assert function is not None
    try:
        return Verdict(name, rule, "ok", await function(bench))
    except Skipped as why:
        return Verdict(name, rule, "skipped", str(why))
    except Broken as how:
        return Verdict(name, rule, "broken", str(how))
