"""The command line: what it says when something is wrong, and that it never shows a traceback."""

import argparse
import importlib
import io
import json
import socket
import time
from pathlib import Path

import pytest

from sfa import cli, weights
from sfa.checkup import examine
from sfa.commands import migrate, models, psql, status, up
from sfa.config import Config
from sfa.errors import InputError, SfaError
from sfa.intake import checked_format
from sfa.terminal import Board, Line, clock


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings of the person who runs the tests are not the tests'."""
    for name in ("DATABASE_URL", "SFA_PORT", "SFA_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SFA_VAR", str(tmp_path / "var"))


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_its_two_functions_and_says_what_it_is(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module(f"sfa.commands.{name}")
    assert module.__doc__
    assert callable(module.main)
    if name != "psql":
        with pytest.raises(SystemExit) as ended:
            cli.main([name, "--help"])
        assert ended.value.code == 0
        assert module.__doc__.split(".")[0] in capsys.readouterr().out


def test_every_command_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    files = {
        path.stem
        for path in Path(str(cli.__file__)).with_name("commands").glob("*.py")
        if path.stem != "__init__"
    }
    assert files == set(cli.COMMANDS)
    assert cli.main([]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in files)


def test_a_misspelt_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["stauts"]) == 2
    assert "did you mean 'status'?" in capsys.readouterr().err


def test_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SFA_PORT", "many")
    assert cli.main(["status"]) == 1
    assert capsys.readouterr().err.startswith("sfa: setting 'port' cannot be 'many'")


def test_what_nobody_foresaw_is_one_sentence_and_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def explode(*_: object) -> int:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(migrate, "main", explode)
    assert cli.main(["migrate"]) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError: by nothing" in said
    assert "Traceback" not in said
    assert "Traceback" in (tmp_path / "var" / "log" / "sfa.log").read_text()


def test_an_absent_database(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = Config(var=tmp_path, database_url=f"host={tmp_path} dbname=none")
    with pytest.raises(SfaError, match="bin/sfa up"):
        migrate.main(config, argparse.Namespace())


def test_migrate_twice(empty_dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(database_url=empty_dsn)
    migrate.main(config, argparse.Namespace())
    assert "applied 0001" in capsys.readouterr().out
    migrate.main(config, argparse.Namespace())
    assert capsys.readouterr().out == "nothing to do\n"


def test_the_password_is_not_in_the_arguments() -> None:
    assert psql.without_password("postgresql://me:s%40cret@host:5/db?x=1") == (
        "postgresql://me@host:5/db?x=1",
        "s@cret",
    )
    assert psql.without_password("host=/run user=sfa") == ("host=/run user=sfa", None)


def test_a_taken_port_is_said_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SfaError, match=f"port {port}.*SFA_PORT={port + 1}"):
            up.check_port(Config(port=port))


def test_status_of_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sfa.supervisord.Supervisord.running", lambda self: False)
    assert cli.main(["status", "--json"]) == status.NOTHING_IS
    assert json.loads(capsys.readouterr().out)["running"] is False


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("song.mp3", b"just some text, nothing to hear", "is not audio"),
        ("song.wav", b"", "is empty"),
        ("gone.wav", None, "there is no file"),
    ],
)
def test_what_is_not_audio_is_refused_at_once(
    tmp_path: Path, name: str, content: bytes | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        checked_format(path)
    assert cli.main(["run", str(path)]) == 1
    assert said in capsys.readouterr().err


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        checked_format(tmp_path)


def test_every_check_has_a_verdict_and_advice(dsn: str, tmp_path: Path) -> None:
    findings = list(examine(Config(var=tmp_path, database_url=dsn)))
    assert {finding.verdict for finding in findings} <= {"ok", "warn", "fail"}
    assert all(finding.advice for finding in findings if finding.verdict != "ok")
    assert next(f for f in findings if f.name == "postgres").verdict == "ok"


def test_lines_without_a_terminal_are_few_and_plain() -> None:
    out = io.StringIO()
    board = Board(out)
    for percent in range(101):
        status_now = "completed" if percent == 100 else "running"
        board.update([Line("separate", status_now, float(percent), elapsed=percent / 10)])
    board.close()
    lines = out.getvalue().splitlines()
    assert 10 <= len(lines) <= 12
    assert "\033" not in out.getvalue()
    assert lines[-1].endswith("done in 0:10")


def test_a_running_line_says_percent_rate_and_time_left() -> None:
    text = Line("separate", "running", 25.0, elapsed=10.0, length=120.0).text()
    assert "25 %" in text
    assert "3.0× real time" in text
    assert "0:30 left" in text


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, "0:00"), (59.6, "1:00"), (3661, "1:01:01")])
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_a_run_without_weights_falls_back_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = Config(var=tmp_path, weights_url="http://127.0.0.1:9/")
    began = time.monotonic()
    model, notice = models.choose(config, "")
    assert time.monotonic() - began < 2
    assert model == "spectral"
    assert "cannot be reached; using spectral" in notice
    with pytest.raises(SfaError, match="--model spectral"):
        models.choose(config, "htdemucs")
    assert models.choose(config, "spectral") == ("spectral", "")


def test_a_misspelt_model(tmp_path: Path) -> None:
    with pytest.raises(SfaError, match="did you mean 'htdemucs'"):
        models.choose(Config(var=tmp_path), "htdemuc")


def test_models_are_listed(dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = argparse.Namespace(action="list", name="", json=True)
    assert models.main(Config(var=tmp_path, database_url=dsn), args) == 0
    listed = json.loads(capsys.readouterr().out)["models"]
    assert {model["name"]: model["ready"] for model in listed} == {
        **dict.fromkeys(weights.MODELS, False),
        "spectral": True,
    }
