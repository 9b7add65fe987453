"""A real supervisord: how a program ended, what a person wants of one that waits, and what is left when it is killed."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sfa.ports import kin
from sfa.supervisord import Supervisord
from tests.bench.calls import kills
from tests.jobs.conftest import studio
from tests.jobs.studio import DEADLINE, Studio
from tests.jobs.test_worker import tone

__all__ = ["studio"]

ROOT = Path(__file__).parents[2]
LISTENER = "import sys; from sfa.commands.events import events; [print(name, pairs, file=sys.stderr, flush=True) for name, pairs in events(sys.stdin.buffer, sys.stdout.buffer)]"
CONF = """
[unix_http_server]
file={home}/var/run/supervisor.sock
[supervisord]
directory={home}
pidfile={home}/var/run/supervisord.pid
logfile={home}/var/log/supervisord.log
childlogdir={home}/var/log
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = sfa.remote:make
[eventlistener:events]
command="{python}" -c "{listener}"
events=PROCESS_STATE,REMOTE_COMMUNICATION
stderr_logfile={home}/var/log/events.log
[program:victim]
{victim}
"""


class Host(Supervisord):
    """A supervisord of its own with one program, `victim`."""

    def begin(self, victim: str) -> None:
        (self.home / "supervisord.conf").write_text(
            CONF.format(home=self.home, python=sys.executable, listener=LISTENER, victim=victim)
        )
        self.start(timeout=DEADLINE)

    @property
    def pid(self) -> int:
        return int((self.home / "var" / "run" / "supervisord.pid").read_text())

    def until(self, state: str) -> int:
        """Wait for the victim to be in a state; its pid."""
        _wait(lambda: self.program("victim").state == state)
        return self.program("victim").pid

    @property
    def told(self) -> str:
        return self.log_tail("events", 1000)


def _wait(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    # A short path: a unix socket's address has to fit.
    home = Path(tempfile.mkdtemp(prefix="sfa-", dir="/tmp"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    made = Host(home)
    yield made
    if made.running():
        made.shutdown(timeout=DEADLINE)
    shutil.rmtree(home, ignore_errors=True)


def test_the_log_tells_how_a_program_ended(host: Host) -> None:
    host.begin("command=sleep 1000\nautorestart=false\nstartsecs=0")
    pid = host.until("RUNNING")
    assert host.last_end("victim") == ""
    os.kill(pid, signal.SIGKILL)
    host.until("EXITED")
    assert host.last_end("victim") == "terminated by SIGKILL"
    assert host.last_end("other") == ""


def test_a_person_who_stops_what_does_not_run_is_heard_and_the_listener_is_not(host: Host) -> None:
    host.begin('command=sh -c "exit 3"\nautorestart=false\nstartretries=0')
    host.until("FATAL")
    assert host.last_end("victim") == "exit status 3"
    host.hold_program("victim")
    host.stop_program("victim")
    _wait(lambda: "REMOTE_COMMUNICATION" in host.told)
    (line,) = [line for line in host.told.splitlines() if "REMOTE_COMMUNICATION" in line]
    assert "{'type': 'stopped', 'processname': 'victim'}" in line


def test_a_program_that_did_not_hear_its_signal_is_told_again(host: Host) -> None:
    # The first signal finds nobody, as between fork and exec; the second one is heard.
    deaf = "trap 'trap - TERM' TERM; echo ready; while :; do sleep 0.02; done"
    host.begin(f'command=sh -c "{deaf}"\nstdout_logfile={host.logs}/victim.log\nstopwaitsecs=600')
    host.until("RUNNING")
    _wait(lambda: "ready" in host.log_tail("victim"))
    host.hold_program("victim")

    def stopped() -> bool:
        host.hold_program("victim")
        return host.program("victim").state == "STOPPED"

    _wait(stopped)


async def test_kill_minus_nine_of_supervisord_leaves_no_worker_and_no_child(
    host: Host, studio: Studio
) -> None:
    environ = {
        "DATABASE_URL": studio.config.database_url, "SFA_VAR": str(studio.config.var), "SFA_SUPERVISED": "1",
    }  # fmt: skip
    told = ",".join(f'{name}="{value}"' for name, value in environ.items())
    host.begin(f'command="{sys.executable}" -m sfa.cli worker processing\nenvironment={told}')
    track = await studio.track("long.wav", tone(240))
    await studio.db.execute(
        "INSERT INTO processing_jobs (track_id, model) VALUES (%s, 'spectral')", [track]
    )
    await studio.until(
        "SELECT max(progress) AS p FROM processing_jobs", expect=lambda row: row["p"] > 0
    )
    worker = host.until("RUNNING")
    # The worker, its guard, and the child at work.
    family = [worker, *kin.descendants(worker)]
    assert len(family) >= 3
    _kill(host.pid, family)


def test_a_program_that_still_starts_when_supervisord_is_killed_does_not_outlive_it(
    host: Host,
) -> None:
    # A database that is not there would be waited for, for longer than the deadline.
    gate = host.home / "gate"
    os.mkfifo(gate)
    start = f"read go < {gate}; exec {sys.executable} -P -m sfa.cli web"
    environ = 'SFA_SUPERVISED="1",DATABASE_URL="postgresql://nobody@127.0.0.1:9/none"'
    host.begin(f"command=sh -c '{start}'\nenvironment={environ}\nstartsecs=0")
    starting = host.until("RUNNING")
    handle = os.pidfd_open(starting)
    _kill(host.pid, [host.pid])
    gate.write_text("go\n")
    _ended({handle})


@pytest.mark.slow
def test_kill_minus_nine_of_supervisord_leaves_nothing_of_an_installation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # It sets them for its programs; they are as they were afterwards.
    for name in ("SFA_VAR", "SFA_PORT", "DATABASE_URL"):
        monkeypatch.setenv(name, "")
    with kills.installation() as here:
        here.start()
        commands = _commands([here.pid, *kin.descendants(here.pid)])
        for program in (b"postgres", b"web", b"worker\0processing", b"events"):
            assert any(program in command for command in commands.values())
        _kill(here.pid, [*commands])


def _commands(pids: list[int]) -> dict[int, bytes]:
    """What those run that are still there: PostgreSQL's helpers come and go."""
    found = {}
    for pid in pids:
        with suppress(OSError):
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes()
    return found


def _kill(victim: int, family: list[int]) -> None:
    """Kill -9 one of a family, and wait for the end of all of them."""
    handles = set()
    for pid in family:
        with suppress(ProcessLookupError):
            handles.add(os.pidfd_open(pid))
    os.kill(victim, signal.SIGKILL)
    _ended(handles)


def _ended(handles: set[int]) -> None:
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    while handles:
        ended = poll.poll(1000 * DEADLINE)
        assert ended, f"{len(handles)} processes outlive it"
        for handle, _ in ended:
            poll.unregister(handle)
            handles.remove(handle)
            os.close(handle)
