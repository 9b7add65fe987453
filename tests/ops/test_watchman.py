"""What ends too often is held back, what supervisord gave up comes back, and no incident is lost."""

from __future__ import annotations

import io
import os
from pathlib import Path

import psycopg
import pytest

from sfa import alive
from sfa.commands import events, tree
from sfa.config import Config
from sfa.db import SyncSession
from sfa.errors import DatabaseUnavailable
from sfa.supervisord import Program, Supervisord
from sfa.watchman import LONGEST_PAUSE, MAX_RESTARTS, RACE, WINDOW, Watchman

WORKER = "worker-analysis"


class Host:
    """A supervisord with one program, a clock, and a watchman over both."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "incidents.json"
        self.now = 1000.0
        self.state = "RUNNING"
        self.end = "exit status 1"
        self.did: list[str] = []
        self.watchman = self.begin()

    def begin(self) -> Watchman:
        self.watchman = Watchman(self, self.file, clock=lambda: self.now, jitter=lambda: 1.0)
        return self.watchman

    def programs(self) -> list[Program]:
        return [Program(WORKER, self.state, 1, 0, "", 0)]

    def start_program(self, name: str) -> None:
        self.did.append("start")
        self.state = "STARTING"

    def hold_program(self, name: str) -> None:
        self.did.append("stop")
        self.state = "STOPPING" if self.state == "STOPPING" else "STOPPED"

    def last_end(self, name: str) -> str:
        return self.end

    def event(self, state: str, expected: int = 0) -> None:
        self.state = state
        self.watchman.event(
            f"PROCESS_STATE_{state}", {"processname": WORKER, "expected": str(expected)}
        )

    def fall(self) -> None:
        self.event("RUNNING")
        self.event("EXITED")

    @property
    def told(self) -> list[str]:
        return [incident["event"] for incident in self.watchman.incidents]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_what_ends_too_often_is_held_and_comes_back_after_its_pause(host: Host) -> None:
    for _ in range(MAX_RESTARTS):
        host.fall()
    assert host.did == []
    host.fall()
    assert host.did == ["stop"]
    assert host.told == ["exited"] * (MAX_RESTARTS + 1) + ["held"]
    host.now += RACE / 2
    host.event("STARTING")  # supervisord was quicker
    assert host.did == ["stop", "stop"]
    host.now += 5 - RACE / 2 - 0.1
    assert host.watchman.tick()[0]["starts_in"] == pytest.approx(0.1)
    host.now += 0.2
    host.watchman.tick()
    assert host.did == ["stop", "stop", "start"]
    assert host.told[-1] == "revived"


def test_ends_that_are_far_apart_are_supervisords_business(host: Host) -> None:
    for _ in range(3 * MAX_RESTARTS):
        host.fall()
        host.now += WINDOW / MAX_RESTARTS + 1
    assert host.did == []


def test_a_fatal_program_is_tried_again_with_growing_pauses(host: Host) -> None:
    pauses = []
    for _ in range(9):
        host.event("FATAL")
        (row,) = host.watchman.tick()
        pauses.append(row["starts_in"])
        host.now += float(str(row["starts_in"]))
        host.watchman.tick()
    assert pauses == [5, 10, 20, 40, 80, 160, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    assert host.did == ["start"] * 9
    host.event("RUNNING")
    host.now += 601
    host.watchman.tick()
    host.event("FATAL")
    assert host.watchman.tick()[0]["starts_in"] == 5


def test_what_was_fatal_before_the_listener_began_is_seen(host: Host) -> None:
    host.state = "FATAL"
    host.watchman.tick()
    host.now += 6
    host.watchman.tick()
    assert host.did == ["start"]


def test_what_a_person_stops_stays_stopped(host: Host) -> None:
    host.event("FATAL")
    host.event("STARTING")
    host.event("STOPPED")
    host.now += 1000
    host.watchman.tick()
    assert host.did == []


def test_what_runs_is_looked_after_even_if_its_start_was_missed(host: Host) -> None:
    host.event("STOPPED")
    host.begin()
    host.state = "RUNNING"
    host.watchman.tick()
    host.state = "FATAL"
    host.watchman.tick()
    host.now += 1000
    host.watchman.tick()
    assert host.did == ["start"]


def test_what_is_slow_to_stop_is_told_again_and_started_when_it_has_stopped(host: Host) -> None:
    for _ in range(MAX_RESTARTS + 1):
        host.fall()
    host.state = "STOPPING"  # its signal came too early to be heard
    for _ in range(3):
        host.now += 5
        host.watchman.tick()
    assert host.did == ["stop"] * 4
    assert host.told[-1] == "held"
    host.event("STOPPED")
    host.begin().tick()
    host.now += 6
    host.watchman.tick()
    assert host.did[-1] == "start"
    assert host.told[-1] == "revived"


def test_what_was_stopping_when_the_listener_ended_was_not_stopped_by_a_person(host: Host) -> None:
    for _ in range(MAX_RESTARTS + 1):
        host.fall()
    host.begin()
    host.event("STOPPED")
    host.now += 6
    host.watchman.tick()
    assert host.did == ["stop", "start"]


STOP = ("REMOTE_COMMUNICATION", {"type": "stopped", "processname": WORKER})


@pytest.mark.parametrize("before", ["FATAL", "held"])
def test_what_a_person_stops_while_it_waits_is_not_started_again(host: Host, before: str) -> None:
    if before == "FATAL":
        host.event("FATAL")
    else:
        for _ in range(MAX_RESTARTS + 1):
            host.fall()
    host.watchman.event(*STOP)
    did = list(host.did)
    host.now += 1000
    host.watchman.tick()
    host.begin().tick()  # and the next listener knows it as well
    host.now += 1000
    assert host.watchman.tick()[0]["starts_in"] is None
    assert host.did == did
    host.event("STARTING")  # a person has started it: from now on it is looked after again
    host.event("FATAL")
    host.now += 1000
    host.watchman.tick()
    assert host.did == [*did, "start"]


def test_nothing_is_started_while_everything_stops(host: Host) -> None:
    host.event("FATAL")
    host.watchman.event("SUPERVISOR_STATE_CHANGE_STOPPING", {})
    host.now += 1000
    host.watchman.tick()
    assert host.did == []


def test_a_worker_that_gave_up_on_itself_is_an_escalation(host: Host) -> None:
    host.end = "exit status 70"
    host.fall()
    assert host.told == ["escalated"]


def test_a_death_by_a_signal_is_told_as_that(host: Host) -> None:
    host.end = "terminated by SIGKILL"
    host.fall()
    assert host.watchman.incidents[0]["detail"] == {"signal": "SIGKILL", "in_window": 1}
    (row,) = host.watchman.tick()
    assert (row.get("exit_code"), row["signal"]) == (None, "SIGKILL")
    host.end = "exit status 3"
    host.event("BACKOFF")
    host.event("FATAL")
    assert host.watchman.incidents[-1]["detail"]["exit_code"] == 3


def test_incidents_and_what_is_held_outlast_the_listener(host: Host) -> None:
    for _ in range(MAX_RESTARTS + 1):
        host.fall()
    told = host.told
    host.begin()
    assert host.told == told
    host.now += 6
    host.watchman.tick()
    assert host.did == ["stop", "start"]


def test_a_damaged_file_is_no_obstacle(host: Host) -> None:
    host.file.write_text('{"incidents": 1')
    assert host.begin().incidents == []


def test_rows_are_written_later_where_the_database_is_away(
    host: Host, dsn: str, config: Config
) -> None:
    host.fall()
    rows = host.watchman.tick()
    away = SyncSession("host=127.0.0.1 port=1 dbname=x", timeout=1)
    with pytest.raises(DatabaseUnavailable):
        events.write(away, host.watchman, rows)
    assert host.told == ["exited"]
    session = SyncSession(dsn)
    events.write(session, host.watchman, rows)
    session.close()
    assert host.told == []
    with psycopg.connect(dsn) as db:
        found = db.execute("SELECT program, event, detail FROM incidents").fetchall()
        assert found == [(WORKER, "exited", {"exit_code": 1, "in_window": 1})]
        program = db.execute("SELECT name, state, restarts, max_restarts FROM programs").fetchone()
        assert program == (WORKER, "EXITED", 1, MAX_RESTARTS)
    shown, problem = tree.tree(config)
    assert problem == ""
    assert f"1/{MAX_RESTARTS} restarts in 60 s" in tree.line(shown[0])


def test_a_dead_worker_of_this_host_is_buried_by_the_listener(host: Host, dsn: str) -> None:
    session = SyncSession(dsn)
    with psycopg.connect(dsn, autocommit=True) as db:
        for pid, since in (
            (os.getpid(), alive.started(os.getpid())),
            (os.getpid(), 1),
            (1 << 22, 1),
        ):
            db.execute(
                """WITH w AS (SELECT worker_id AS id FROM procrastinate_register_worker_v1())
                INSERT INTO workers (id, name, host, host_key, pid, pid_started, queue_name)
                SELECT id, %s, 'h', %s, %s, %s, 'analysis' FROM w""",
                [WORKER, alive.host_key(), pid, since],
            )
        events.write(session, host.watchman, host.watchman.tick())
        left = db.execute("SELECT pid, pid_started FROM workers").fetchall()
    session.close()
    assert left == [(os.getpid(), alive.started(os.getpid()))]


def test_the_listener_protocol() -> None:
    payload = f"processname:{WORKER} groupname:x from_state:RUNNING expected:0 pid:7"
    head = f"ver:3.0 server:sfa serial:1 pool:events poolserial:1 eventname:PROCESS_STATE_EXITED len:{len(payload)}\n"
    sink = io.BytesIO()
    ((name, found),) = list(events.events(io.BytesIO((head + payload).encode()), sink))
    assert name == "PROCESS_STATE_EXITED"
    assert (found["processname"], found["expected"]) == (WORKER, "0")
    assert sink.getvalue() == b"READY\nRESULT 2\nOKREADY\n"


def test_without_a_database_the_tree_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Supervisord, "running", lambda _: False)
    away = Config(var=tmp_path, database_url="host=127.0.0.1 port=1 dbname=x")
    rows, problem = tree.tree(away)
    assert rows == []
    assert problem.startswith("The database does not answer")
