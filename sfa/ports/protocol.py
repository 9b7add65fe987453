"""Encode, decode and split the frames of the port protocol, version 1 (PROTOCOL.md, beside this).

A frame is one JSON object on one line: UTF-8, LF, at most MAX_FRAME bytes with its LF.
``decode_child`` reads what a child may say, ``decode_parent`` what a parent may say; both refuse
anything else with a ProtocolError, whose text is safe to show. A Splitter turns bytes into frames
and never holds more than one frame and the bytes of one feed: of a longer line it reports one
ProtocolError and skips to the next LF. Unknown keys of known frames are ignored.
It is pure: no file descriptors, no clock.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar, cast, get_args

PROTOCOL: Final = 1
MAX_FRAME: Final = 1 << 20
MAX_TEXT: Final = 8000
MAX_ID: Final = 200

Kind = Literal["input", "resource", "internal", "cancelled"]
Level = Literal["debug", "info", "warning", "error"]


class ProtocolError(Exception):
    """A line is not a frame of the port protocol.

    ``kind`` is the type that the line seems to have been meant as, "" where that can't be told.
    """

    kind: str = ""


@dataclass(frozen=True, slots=True)
class Hello:
    """The child is ready: its imports are done. ``heartbeat``: seconds between its heartbeats, 0: it sends none."""

    name: str
    version: str
    pid: int
    ops: tuple[str, ...]
    device: str = "cpu"
    protocol: int = PROTOCOL
    heartbeat: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """The work on a request moved; percent is 0..100 and never falls within a request."""

    id: str
    percent: float
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Log:
    """A line for the log, about a request or about the child."""

    level: Level
    message: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The child lives; rss is its resident memory in bytes."""

    rss: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a request could be taken up again."""

    id: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """The end of a request that went well."""

    id: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Error:
    """The end of a request that failed; id is "" where no request could be read."""

    id: str
    message: str
    kind: Kind = "internal"
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Bye:
    """The side that says it will say nothing more."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """Ask for an operation."""

    id: str
    op: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask a request to end with an error of kind "cancelled"."""

    id: str


ChildFrame = Hello | Progress | Log | Heartbeat | Checkpoint | Result | Error | Bye
ParentFrame = Request | Cancel | Bye
F = TypeVar("F")


def encode(frame: ChildFrame | ParentFrame) -> bytes:
    """Return a frame's line. Raise ProtocolError if it is too long or holds no JSON value."""
    kind = type(frame).__name__.lower()
    body: dict[str, Any]
    match frame:
        # What a child without a parser goes by comes first, whatever a payload may hold.
        case Result(id=ident, payload=payload):
            body = {"type": kind, "id": ident, **_rest(payload, "type", "id")}
        case Request(id=ident, op=op, args=args):
            body = {"type": kind, "id": ident, "op": op, **_rest(args, "type", "id", "op")}
        case _:
            pairs = ((name, getattr(frame, name)) for name in frame.__dataclass_fields__)
            body = {"type": kind, **{name: value for name, value in pairs if value is not None}}
    try:
        # ASCII escapes keep lone surrogates (file names that are not UTF-8) valid on the wire.
        line = json.dumps(body, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"a {kind} frame cannot be written as JSON: {error}") from None
    if len(line) > MAX_FRAME:
        raise ProtocolError(f"a {kind} frame of {len(line)} bytes is over {MAX_FRAME}")
    return line


def decode_child(line: bytes) -> ChildFrame:
    """Read one line that a child wrote."""
    body = _object(line)
    match body.get("type"):
        case "hello":
            ops = body.get("ops")
            if not isinstance(ops, list) or not all(isinstance(op, str) for op in ops):
                raise ProtocolError("hello: ops is not a list of names")
            return Hello(
                name=_text(body, "name"),
                version=_text(body, "version"),
                pid=_whole(body, "pid"),
                ops=tuple(ops),
                device=_text(body, "device", "cpu"),
                protocol=_whole(body, "protocol"),
                heartbeat=_seconds(body, "heartbeat"),
            )
        case "progress":
            percent = body.get("percent")
            if isinstance(percent, bool) or not isinstance(percent, int | float):
                raise ProtocolError("progress: percent is not a number")
            if not 0 <= percent <= 100:
                raise ProtocolError("progress: percent is not within 0..100")
            return Progress(_ident(body), float(percent), _text(body, "stage", ""))
        case "log":
            level = body.get("level", "info")
            if level not in get_args(Level):
                raise ProtocolError("log: level is not debug, info, warning or error")
            ident = _ident(body) if body.get("id") is not None else None
            return Log(cast(Level, level), _text(body, "message"), ident)
        case "heartbeat":
            return Heartbeat(_whole(body, "rss"))
        case "checkpoint":
            data = body.get("data")
            if not isinstance(data, dict):
                raise ProtocolError("checkpoint: data is not an object")
            return Checkpoint(_ident(body), data)
        case "result":
            return Result(_ident(body), _rest(body, "type", "id"))
        case "error":
            kind = body.get("kind", "internal")
            if kind not in get_args(Kind):
                raise ProtocolError("error: kind is not input, resource, internal or cancelled")
            detail = _text(body, "detail", "") or None
            return Error(_ident(body), _text(body, "message"), cast(Kind, kind), detail)
        case "bye":
            return Bye(_text(body, "reason", ""))
        case other:
            raise ProtocolError(f"a child sends no frame of type {_short(other)}")


def decode_parent(line: bytes) -> ParentFrame:
    """Read one line that a parent, or a person, wrote; type and id may be left out."""
    body = _object(line)
    match body.get("type", "request"):
        case "request":
            op = _text(body, "op")
            return Request(_ident(body, "1"), op, _rest(body, "type", "id", "op"))
        case "cancel":
            return Cancel(_ident(body, "1"))
        case "bye":
            return Bye(_text(body, "reason", ""))
        case other:
            raise ProtocolError(f"a parent sends no frame of type {_short(other)}")


class Splitter(Generic[F]):
    """Cut a stream of bytes into frames, with bounded memory whatever the stream holds."""

    def __init__(self, decode: Callable[[bytes], F], limit: int = MAX_FRAME) -> None:
        self._decode = decode
        self._limit = limit
        self._rest = bytearray()
        self._skipping = False

    @property
    def held(self) -> int:
        """How many bytes of an unfinished line are held."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[F | ProtocolError]:
        """Take the next bytes; return the frames and errors that they complete."""
        found: list[F | ProtocolError] = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._take(data[start:end], found)
            if not self._skipping:
                self._finish(found)
            self._skipping = False
            start = end + 1
        self._take(data[start:], found)
        return found

    def close(self) -> list[F | ProtocolError]:
        """Take the end of the stream; a last line may lack its LF."""
        found: list[F | ProtocolError] = []
        if not self._skipping:
            self._finish(found)
        return found

    def _take(self, part: bytes, found: list[F | ProtocolError]) -> None:
        if self._skipping:
            return
        if len(self._rest) + len(part) >= self._limit:
            error = ProtocolError(f"a line is longer than {self._limit} bytes")
            error.kind = _guess(bytes(self._rest[:200]) or part[:200])
            self._rest.clear()
            self._skipping = True
            found.append(error)
        else:
            self._rest += part

    def _finish(self, found: list[F | ProtocolError]) -> None:
        line = bytes(self._rest).strip()
        self._rest.clear()
        if line:
            try:
                found.append(self._decode(line))
            except ProtocolError as error:
                error.kind = _guess(line[:200])
                # Without its traceback, whose frames hold kilobytes: there may be thousands of these.
                error.__context__ = None
                found.append(error.with_traceback(None))


_TYPE: Final = re.compile(rb'"type"\s*:\s*"(\w{1,20})"')


_LARGE: Final = re.compile(rb"[eE]\+?0*[1-9][0-9]{2}|[0-9]{300}")


def _guess(line: bytes) -> str:
    found = _TYPE.search(line)
    return found[1].decode() if found else ""


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_FRAME:
        raise ProtocolError(f"a line is longer than {MAX_FRAME} bytes")
    try:
        # A function a number would take most of the time; only such numbers can be out of range.
        finite = _finite if _LARGE.search(line) else None
        body = json.loads(line.decode(), parse_constant=_refuse, parse_float=finite)
    except UnicodeDecodeError:
        raise ProtocolError("a line is not UTF-8") from None
    except (ValueError, RecursionError):
        raise ProtocolError(f"a line is not JSON: {_short(line[:60].decode())}") from None
    if not isinstance(body, dict):
        raise ProtocolError(f"a line is not a JSON object: {_short(body)}")
    return body


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is out of range")
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _text(body: dict[str, Any], key: str, default: str | None = None) -> str:
    value = body.get(key, default)
    if not isinstance(value, str):
        raise ProtocolError(f"{key} is missing or not a text")
    # NUL and lone surrogates are refused by PostgreSQL, so they end here.
    return value[:MAX_TEXT].replace("\0", "").encode("utf-8", "replace").decode()


def _whole(body: dict[str, Any], key: str) -> int:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ProtocolError(f"{key} is missing or not a whole number")
    return value


def _seconds(body: dict[str, Any], key: str) -> float:
    value = body.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ProtocolError(f"{key} is not a number of seconds")
    return float(value)


def _ident(body: dict[str, Any], default: str | None = None) -> str:
    value = body.get("id", default)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > MAX_ID:
        raise ProtocolError("id is missing or not a short text")
    return value


def _rest(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in names}
