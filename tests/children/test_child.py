"""Drive a real child process through its whole life."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sfa.ports import child, protocol

PROGRAM = """
import sys
from sfa.ports.child import serve, InputError, ResourceError

def load():
    print("a library greets on stdout")
    return {"echo": echo, "noise": noise, "spin": spin, "bad": bad, "crash": crash, "nan": nan,
            "steps": steps, "big": big}

def echo(call): return dict(call.args)
def noise(call):
    import os
    print("stray"); os.write(1, b"stray bytes\\n"); os.system("echo stray shell")
    return {"ok": True}
def spin(call):
    call.progress(1, "spinning")
    while True:
        call.check()
def bad(call): raise InputError("no such file: /srv/secret/place/song.mp3")
def crash(call): raise RuntimeError("boom in /srv/secret/place/x.py")
def nan(call): return {"x": float("nan"), "y": [float("inf"), 1.5]}
def big(call): return {"x": "y" * (2 << 20)}
def steps(call):
    for n in range(100000):
        call.progress(n / 1000, "going")
    call.progress(3)
    return {}

serve("zoo", "1", load)
"""


def spawn(tmp_path: Path, parent: bool) -> subprocess.Popen[bytes]:
    program = tmp_path / "zoo.py"
    program.write_text(PROGRAM)
    root = str(Path(child.__file__).parents[2])
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": root}
    if parent:
        env["SFA_PARENT_PID"] = str(os.getpid())
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, program], stdin=pipe, stdout=pipe, stderr=pipe, env=env
    )


def talk(tmp_path: Path, *requests: dict[str, Any]) -> tuple[list[dict[str, Any]], str, int]:
    process = spawn(tmp_path, parent=False)
    text = "".join(json.dumps(request) + "\n" for request in requests)
    out, err = process.communicate(text.encode(), timeout=30)
    return [json.loads(line) for line in out.splitlines()], err.decode(), process.returncode


def say(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin
    process.stdin.write(data)
    process.stdin.flush()


def read(process: subprocess.Popen[bytes], kind: str) -> dict[str, Any]:
    assert process.stdout
    frame: dict[str, Any]
    for line in process.stdout:
        if (frame := json.loads(line))["type"] == kind:
            return frame
    raise AssertionError(f"no {kind} frame came")


def test_by_hand_it_finishes_what_it_read(tmp_path: Path) -> None:
    frames, _, code = talk(tmp_path, {"op": "echo", "a": 1}, {"op": "echo", "id": 2, "b": 2})
    assert [frame["type"] for frame in frames] == ["hello", "result", "result", "bye"]
    assert frames[0]["protocol"] == 1
    assert "echo" in frames[0]["ops"]
    assert frames[1] == {"type": "result", "id": "1", "a": 1}
    assert frames[2] == {"type": "result", "id": "2", "b": 2}
    assert code == 0


def test_stray_prints_go_to_stderr(tmp_path: Path) -> None:
    frames, err, code = talk(tmp_path, {"op": "noise"})
    assert [frame["type"] for frame in frames] == ["hello", "result", "bye"]
    assert code == 0
    for words in ("a library greets", "stray", "stray bytes", "stray shell"):
        assert words in err


def test_errors_have_their_kind_and_show_no_folder(tmp_path: Path) -> None:
    frames, _, code = talk(
        tmp_path, {"op": "bad"}, {"op": "crash"}, {"op": "none"}, {"op": "big"}, {"op": "nan"}
    )
    bad, crash, none, big, nan = frames[1:6]
    assert (bad["kind"], bad["message"]) == ("input", "no such file: song.mp3")
    assert crash["kind"] == "internal"
    assert "boom" in crash["message"]
    assert "Traceback" in crash["detail"]
    assert "/srv/secret" not in json.dumps(frames)
    assert none["kind"] == "input"
    assert big["kind"] == "internal"
    assert nan == {"type": "result", "id": "1", "x": None, "y": [None, 1.5]}
    assert code == 1


def test_a_line_that_is_no_frame_is_answered(tmp_path: Path) -> None:
    process = spawn(tmp_path, parent=False)
    out, _ = process.communicate(b'nonsense\n{"op":"echo"}\n', timeout=30)
    kinds = [json.loads(line)["type"] for line in out.splitlines()]
    assert kinds == ["hello", "error", "result", "bye"]
    assert process.returncode == 1


def test_progress_is_sparse_and_never_falls(tmp_path: Path) -> None:
    frames, _, _ = talk(tmp_path, {"op": "steps"})
    percents = [frame["percent"] for frame in frames if frame["type"] == "progress"]
    assert percents == sorted(percents)
    assert 2 <= len(percents) <= 102


def test_progress_waits_for_a_step_and_a_time() -> None:
    now = [0.0]
    sent: list[protocol.ChildFrame] = []
    call = child.Call(protocol.Request("1", "x"), sent.append, lambda: now[0])
    for at, percent in [(0, 0), (0.05, 5), (0.2, 5.5), (0.25, 9), (0.31, 9.2), (3, 9.4), (9, 2)]:
        now[0] = at
        call.progress(percent, "s")
    call.progress(float("nan"), "t")
    assert [f.percent for f in sent if isinstance(f, protocol.Progress)] == [0, 5.5, 9.2, 9.4, 9.4]


def test_cancel_ends_a_running_and_a_waiting_request(tmp_path: Path) -> None:
    process = spawn(tmp_path, parent=False)
    with process:
        say(process, b'{"op":"spin","id":"a"}\n{"op":"spin","id":"b"}\n')
        read(process, "progress")
        say(process, b'{"type":"cancel","id":"b"}\n{"type":"cancel","id":"a"}\n')
        first, second = read(process, "error"), read(process, "error")
        assert (first["id"], first["kind"]) == ("a", "cancelled")
        assert (second["id"], second["kind"]) == ("b", "cancelled")
        say(process, b'{"op":"echo","id":"c"}\n{"type":"bye"}\n')
        assert read(process, "result")["id"] == "c"
        assert process.wait(30) == 1


@pytest.mark.parametrize(("busy", "code"), [(False, 0), (True, 3)])
def test_with_a_parent_the_end_of_input_is_the_end(tmp_path: Path, busy: bool, code: int) -> None:
    process = spawn(tmp_path, parent=True)
    with process:
        read(process, "hello")
        if busy:
            say(process, b'{"op":"spin"}\n')
            read(process, "progress")
        assert process.stdin
        process.stdin.close()
        assert process.wait(30) == code


def test_it_leaves_when_its_parent_is_another(tmp_path: Path) -> None:
    process = spawn(tmp_path, parent=False)
    process.communicate(b"", timeout=30)
    env = {**os.environ, "SFA_PARENT_PID": "1", "PYTHONPATH": str(Path(child.__file__).parents[2])}
    done = subprocess.run([sys.executable, tmp_path / "zoo.py"], env=env, timeout=30, check=False)
    assert done.returncode == 3
