"""Feed the protocol hostile bytes."""

import json
import math
import tracemalloc
from typing import Any

import pytest

from sfa.ports import protocol
from sfa.ports.protocol import MAX_FRAME, ProtocolError, Splitter, decode_child, decode_parent

FRAMES: list[protocol.ChildFrame] = [
    protocol.Hello("a", "1", 7, ("x", "y"), "cpu"),
    protocol.Progress("1", 12.5, "reading"),
    protocol.Log("info", "hi", None),
    protocol.Log("error", "hi", "4"),
    protocol.Heartbeat(123),
    protocol.Checkpoint("1", {"segment": 3}),
    protocol.Result("1", {"tempo": 120.5, "name": "Ünïcode ☃"}),
    protocol.Error("1", "no such file", "input", None),
    protocol.Error("1", "no", "internal", "tail"),
    protocol.Bye("done"),
]


@pytest.mark.parametrize("frame", FRAMES)
def test_child_frames_come_back_as_they_went(frame: Any) -> None:
    assert decode_child(protocol.encode(frame)) == frame


@pytest.mark.parametrize(
    "frame", [protocol.Request("5", "go", {"a": [1]}), protocol.Cancel("5"), protocol.Bye("x")]
)
def test_parent_frames_come_back_as_they_went(frame: Any) -> None:
    assert decode_parent(protocol.encode(frame)) == frame


def test_a_person_may_leave_out_type_and_id() -> None:
    assert decode_parent(b'{"op":"analyze","audio":"x"}') == protocol.Request(
        "1", "analyze", {"audio": "x"}
    )


def test_any_cut_of_the_stream_gives_the_same_frames() -> None:
    stream = b"".join(map(protocol.encode, FRAMES)).replace(b"\n", b"\r\n", 3) + b"\n\n"
    for size in (1, 2, 7, 64, len(stream)):
        splitter = Splitter(decode_child)
        found = [
            f for i in range(0, len(stream), size) for f in splitter.feed(stream[i : i + size])
        ]
        assert found == FRAMES
        assert splitter.close() == []


def test_a_gigabyte_without_an_end_is_one_error_and_no_memory() -> None:
    splitter = Splitter(decode_child)
    block = b"x" * (1 << 18)
    tracemalloc.start()
    found = [f for _ in range(4096) for f in splitter.feed(block)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 1
    assert isinstance(found[0], ProtocolError)
    assert peak < 4 * MAX_FRAME
    assert splitter.held == 0
    after = splitter.feed(b'tail\n{"type":"heartbeat","rss":1}\n')
    assert after == [protocol.Heartbeat(1)]


def test_the_limit_counts_the_newline() -> None:
    room = MAX_FRAME - len(b'{"type":"bye","reason":""}\n')
    splitter = Splitter(decode_child)
    exact = b'{"type":"bye","reason":"' + b"x" * room + b'"}\n'
    assert len(exact) == MAX_FRAME
    assert isinstance(splitter.feed(exact)[0], protocol.Bye)
    assert isinstance(splitter.feed(exact.replace(b"x", b"xx", 1))[0], ProtocolError)


@pytest.mark.parametrize(
    "line",
    [
        b"hello world",
        b"\xff\xfe{}",
        b"[1]",
        b"null",
        b'"text"',
        b"{",
        b"[" * 100_000,
        b'{"type":"progress","id":"1","percent":NaN}',
        b'{"type":"progress","id":"1","percent":1e999}',
        b'{"type":"progress","id":"1","percent":-1}',
        b'{"type":"progress","id":"1","percent":101}',
        b'{"type":"progress","id":"1","percent":true}',
        b'{"type":"progress","percent":5}',
        b'{"type":"progress","id":["x"],"percent":5}',
        b'{"type":"result","id":"1","x":Infinity}',
        b'{"type":"result","id":"1","x":' + b"9" * 5000 + b"}",
        b'{"type":"error","id":"1","message":"x","kind":"bad"}',
        b'{"type":"heartbeat","rss":-4}',
        b'{"type":"hello","protocol":1,"name":"a","version":"1","pid":1,"ops":"x"}',
        b'{"type":"request","op":"x"}',
        b'{"type":["bye"]}',
        b"{}",
    ],
)
def test_what_is_no_frame_is_refused_and_the_next_line_is_read(line: bytes) -> None:
    splitter = Splitter(decode_child)
    found = splitter.feed(line + b'\n{"type":"bye"}\n')
    assert isinstance(found[0], ProtocolError)
    assert len(str(found[0])) < 300
    assert found[1:] == [protocol.Bye("")]


def test_half_a_line_at_the_end_is_an_error() -> None:
    splitter = Splitter(decode_child)
    assert splitter.feed(b'{"type":"by') == []
    assert isinstance(splitter.close()[0], ProtocolError)


def test_a_last_line_without_newline_counts() -> None:
    splitter = Splitter(decode_parent)
    assert splitter.feed(b'{"op":"x"}') == []
    assert splitter.close() == [protocol.Request("1", "x", {})]


def test_texts_lose_what_a_database_refuses() -> None:
    frame = decode_child(b'{"type":"log","message":"a\\u0000b\\ud800c"}')
    assert isinstance(frame, protocol.Log)
    assert frame.message == "ab?c"


def test_encode_refuses_nan_and_what_is_too_long() -> None:
    with pytest.raises(ProtocolError):
        protocol.encode(protocol.Result("1", {"x": math.nan}))
    with pytest.raises(ProtocolError):
        protocol.encode(protocol.Result("1", {"x": "y" * MAX_FRAME}))


def test_a_payload_cannot_fake_type_or_id() -> None:
    line = json.loads(protocol.encode(protocol.Result("1", {"type": "hello", "id": "9"})))
    assert (line["type"], line["id"]) == ("result", "1")
