"""supervisord.conf and the client that talks to supervisord."""

import configparser
import os
import shlex
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from sfa.cli import SERVICES
from sfa.commands import postgres, worker
from sfa.supervisord import SOCKET_PATH_LIMIT, Supervisord, SupervisorError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def programs() -> dict[str, configparser.SectionProxy]:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";",))
    parser.read(ROOT / "supervisord.conf")
    return {
        name.split(":", 1)[1]: parser[name]
        for name in parser.sections()
        if ":" in name and name.startswith("program")
    }


def test_supervisord_reads_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "var" / "log").mkdir(parents=True)
    (tmp_path / "var" / "run").mkdir()
    (tmp_path / "supervisord.conf").write_text((ROOT / "supervisord.conf").read_text())
    options = ServerOptions()
    options.realize(["-c", str(tmp_path / "supervisord.conf")])
    names = [config.name for config in options.process_group_configs]
    assert names == [
        "events",
        "postgres",
        "web",
        "worker-analysis",
        "worker-cloud",
        "worker-default",
        "worker-download",
        "worker-processing",
    ]


def test_every_queue_has_a_worker(programs: dict[str, configparser.SectionProxy]) -> None:
    queues = {name.removeprefix("worker-") for name in programs if name.startswith("worker-")}
    assert queues == set(worker.QUEUES)


def test_every_program_is_restarted_and_ended_with_its_group(
    programs: dict[str, configparser.SectionProxy],
) -> None:
    for name, section in programs.items():
        script, command, *_ = shlex.split(section["command"])
        assert script == "%(here)s/bin/sfa"
        assert command in SERVICES
        assert section["killasgroup"] == "true"
        assert int(section["startretries"]) == 5
        assert "stdout_logfile_maxbytes" in section
        assert section["autorestart"] == ("unexpected" if name == "postgres" else "true")


def test_only_not_needed_keeps_postgres_from_being_restarted(
    programs: dict[str, configparser.SectionProxy],
) -> None:
    section = programs["postgres"]
    assert section["exitcodes"] == str(postgres.NOT_NEEDED)
    assert float(section["startsecs"]) == postgres.START_SECONDS


def test_nothing_running_is_said_in_one_sentence(tmp_path: Path) -> None:
    supervisord = Supervisord(tmp_path)
    assert not supervisord.running()
    with pytest.raises(SupervisorError, match="bin/sfa up"):
        supervisord.programs()


def test_a_socket_left_by_a_killed_supervisord_is_not_a_running_one(tmp_path: Path) -> None:
    supervisord = Supervisord(tmp_path)
    supervisord.socket.parent.mkdir(parents=True)
    supervisord.socket.touch()
    assert not supervisord.running()


def test_a_path_too_long_for_a_socket_is_said_before_anything_starts(tmp_path: Path) -> None:
    home = tmp_path / ("x" * SOCKET_PATH_LIMIT)
    with pytest.raises(SupervisorError, match="path is too long"):
        Supervisord(home).start()
    assert not home.exists()


def test_the_daemon_starts_stops_and_takes_its_programs_along(tmp_path: Path) -> None:
    home = tmp_path
    (home / "supervisord.conf").write_text(
        "[unix_http_server]\nfile=%(here)s/var/run/supervisor.sock\n"
        "[supervisord]\npidfile=%(here)s/var/run/supervisord.pid\nlogfile=%(here)s/var/log/supervisord.log\n"
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
        "[program:postgres]\ncommand=/bin/sleep 600\nstartsecs=0\n"
        "[program:web]\ncommand=/bin/sleep 600\nstartsecs=0\n"
    )
    supervisord = Supervisord(home)
    if len(os.fsencode(supervisord.socket)) > SOCKET_PATH_LIMIT:
        pytest.skip("pytest's folder is too deep for a unix socket")
    supervisord.start()
    try:
        assert supervisord.running()
        assert not supervisord.outdated()
        (home / "sfa").mkdir()
        (home / "sfa" / "worker.py").write_text("# an update")
        assert supervisord.outdated()
        supervisord.start_program("web")
        supervisord.start_program("web")
        pids = [program.pid for program in supervisord.programs()]
        assert [program.name for program in supervisord.programs()] == ["postgres", "web"]
    finally:
        supervisord.shutdown()
    assert not supervisord.running()
    assert not [pid for pid in pids if pid and Path(f"/proc/{pid}").exists()]
