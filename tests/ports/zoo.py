"""A zoo of misbehaving children, in plain Python and without SFA: `python zoo.py BEHAVIOUR`.

Each speaks the protocol as far as its name lets it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time


def say(**frame: object) -> None:
    sys.stdout.buffer.write(json.dumps(frame).encode() + b"\n")
    sys.stdout.buffer.flush()


def hello(heartbeat: float) -> None:
    say(
        type="hello", protocol=1, name="zoo", version="1", pid=os.getpid(), ops=["go"], device="cpu",
        heartbeat=heartbeat,
    )  # fmt: skip


def beat() -> None:
    while True:
        say(type="heartbeat", rss=0)
        time.sleep(0.05)


def request() -> str:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return str(json.loads(line)["id"])


def forever() -> None:
    while True:
        signal.pause()


def escape() -> int:
    """Start a daemon; its process number."""
    out, into = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if (pid := os.fork()) != 0:
            os.write(into, str(pid).encode())
            os._exit(0)
        os.closerange(0, 3)
        os.execvp("sleep", ["sleep", "3600"])
    os.wait()
    return int(os.read(out, 20))


BEATING = ("hangs_in_c", "beats_and_hangs", "stops_itself")


def main(behaviour: str) -> None:
    if behaviour == "never_ready":
        forever()
    if behaviour == "dies_at_start":
        print("no such library", file=sys.stderr)
        sys.exit(3)
    beats = behaviour in BEATING
    hello(0.05 if beats else 0)
    if beats:
        threading.Thread(target=beat, daemon=True).start()
    while True:
        if behaviour == "never_reads_stdin":
            forever()
        ident = request()
        match behaviour:
            case "good":
                for percent in (10, 55, 90):
                    say(type="progress", id=ident, percent=percent, stage="work")
                say(type="result", id=ident, answer=42)
            case "answers_twice":
                say(type="result", id=ident, answer=1)
                say(type="result", id=ident, answer=2)
            case "input_error":
                say(type="error", id=ident, kind="input", message="song.mp3 is not audio")
            case "ignores_sigterm":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                say(type="progress", id=ident, percent=1, stage="deaf")
                while True:
                    time.sleep(3600)
            case "cancels_well":
                say(type="progress", id=ident, percent=1, stage="listening")
                frame = json.loads(sys.stdin.readline())
                say(type="error", id=frame["id"], kind="cancelled", message="cancelled")
            case "hangs" | "beats_and_hangs":
                forever()
            case "stops_itself":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "same_progress_for_ever":
                while True:
                    say(type="progress", id=ident, percent=50, stage="work")
                    time.sleep(0.01)
            case "forks_a_hundred":
                family = [subprocess.Popen(["sleep", "3600"]) for _ in range(100)]
                say(type="progress", id=ident, percent=1, stage=str(family[-1].pid))
                os._exit(5)
            case "daemon":
                # Forks twice, in a session of its own: no child of ours, not of our group.
                pid = escape()
                say(type="progress", id=ident, percent=1, stage=str(pid))
                os._exit(6)
            case "daemon_then_result":
                say(type="result", id=ident, daemon=escape())
            case "prints_from_c":
                libc = ctypes.CDLL(None)
                libc.printf(b"a library of C greets you\n")
                libc.fflush(None)
                say(type="result", id=ident, answer="truth")
            case "closes_stdout":
                os.close(1)
                forever()
            case "nan_result":
                os.write(1, b'{"type":"result","id":"%s","answer":NaN}\n' % ident.encode())
                forever()
            case "result_then_segfault":
                say(type="result", id=ident, answer=1)
                os.kill(os.getpid(), signal.SIGSEGV)
            case "error_then_exit_0":
                say(type="error", id=ident, kind="internal", message="it went wrong")
                os._exit(0)
            case "eats_memory":
                hoard = []
                while True:
                    hoard.append(b"x" * (8 << 20))
                    time.sleep(0.001)
            case "floods_frames":
                line = json.dumps({"type": "progress", "id": ident, "percent": 5, "stage": "x"})
                data = (line + "\n").encode() * 1000
                while True:
                    os.write(1, data)
            case "floods_rubbish":
                while True:
                    os.write(1, b"rubbish\n" * 8000)
            case "killed_by_somebody":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hangs_in_c":
                say(type="progress", id=ident, percent=1, stage="stuck")
                ctypes.PyDLL(None).sleep(3600)  # holds the interpreter lock
            case "segfaults":
                print("about to fall", file=sys.stderr, flush=True)
                os.kill(os.getpid(), signal.SIGSEGV)
            case "exits_without_result":
                os._exit(0)
            case "result_then_dies":
                say(type="result", id=ident, answer=1)
                os._exit(1)
            case "half_a_line":
                os.write(1, b'{"type":"result","id"')
                os._exit(0)
            case "wrong_id":
                say(type="progress", id="somebody else's", percent=99, stage="lie")
                say(type="result", id="somebody else's", answer="lie")
                say(type="result", id=ident, answer="truth")
            case "rubbish":
                os.write(
                    1,
                    b"Hello from a library\n\xff\xfe\n{}\n[1]\n"
                    b'{"type":"progress","id":"1","percent":NaN}\n',
                )
                say(type="progress", id=ident, percent=80, stage="up")
                say(type="progress", id=ident, percent=20, stage="down")
                say(type="progress", id=ident, percent=150, stage="out")
                say(type="result", id=ident, answer="truth")
            case "endless_line":
                for _ in range(1024):
                    os.write(1, b"x" * (1 << 20))
                os.write(1, b"\n")
                say(type="result", id=ident, answer="truth")
            case "floods_stderr":
                for _ in range(64):
                    os.write(2, b"y" * (1 << 20))
                os.write(2, b"\nlast words\n")
                os._exit(9)
            case "family":
                # A grandchild of the same group, as ffmpeg would be.
                grandchild = subprocess.Popen(["sleep", "3600"])
                say(type="progress", id=ident, percent=1, stage=str(grandchild.pid))
                forever()
            case _:
                sys.exit(f"no such behaviour: {behaviour}")


if __name__ == "__main__":
    main(sys.argv[1])
