"""A process that asked to die with its parent does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHILD = "from sfa.lifetime import die_with_parent; import time; die_with_parent(); print('ready', flush=True); time.sleep(60)"
PARENT = (
    "import subprocess, sys, os, signal; "
    f"child = subprocess.Popen([sys.executable, '-c', {CHILD!r}], stdout=subprocess.PIPE, text=True); "
    "child.stdout.readline(); print(child.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
)


def test_a_child_dies_with_a_killed_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    deadline = time.monotonic() + 10
    while _alive(pid):
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.01)


def test_a_parent_that_is_gone_already_is_noticed() -> None:
    code = (
        "from sfa.lifetime import die_with_parent; die_with_parent(parent=1 << 22); print('lives')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 128 + signal.SIGKILL
    assert done.stdout == ""


SUPERVISED = "from sfa.lifetime import supervisor; import os; print(supervisor() == os.getppid())"


def test_a_supervisor_that_was_gone_before_anyone_asked_is_noticed_by_its_pipe() -> None:
    theirs, ours = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISED], cwd=ROOT, stdin=theirs, capture_output=True, check=False
    )
    os.close(theirs)
    assert (done.returncode, done.stdout) == (128 + signal.SIGKILL, b"")


def test_a_supervisor_that_lives_is_the_parent() -> None:
    theirs, ours = os.pipe()
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISED], cwd=ROOT, stdin=theirs, capture_output=True, check=True
    )
    os.close(theirs)
    os.close(ours)
    assert done.stdout == b"True\n"


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z" and os.path.exists(f"/proc/{pid}")
