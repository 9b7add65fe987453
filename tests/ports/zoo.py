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
import time


def say(**frame: object) -> None:
    sys.stdout.buffer.write(json.dumps(frame).encode() + b"\n")
    sys.stdout.buffer.flush()


def hello() -> None:
    say(
        type="hello", protocol=1, name="zoo", version="1", pid=os.getpid(), ops=["go"], device="cpu"
    )


def request() -> str:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return str(json.loads(line)["id"])


def forever() -> None:
    while True:
        signal.pause()


def main(behaviour: str) -> None:
    if behaviour == "never_ready":
        forever()
    if behaviour == "dies_at_start":
        print("no such library", file=sys.stderr)
        sys.exit(3)
    hello()
    while True:
        ident = request()
        match behaviour:
            case "good":
                for percent in (10, 55, 90):
                    say(type="progress", id=ident, percent=percent, stage="work")
                say(type="result", id=ident, answer=42)
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
            case "hangs":
                forever()
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
                for _ in range(256):
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
