"""The installation's pages: processes, models, settings."""

import hashlib
import json
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from starlette.testclient import TestClient

from sfa.config import Config
from sfa.supervisord import Supervisord
from sfa.web.app import create_app
from sfa.web.settings import SETTINGS, documented, settings
from tests.web.conftest import ADDRESS, sign_in_token
from tests.web.rows import World

DAEMON = """
[unix_http_server]
file={here}/var/run/supervisor.sock
[supervisord]
nodaemon=true
pidfile={here}/supervisord.pid
logfile={here}/supervisord.log
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[program:worker-analysis]
command=sleep 1000
startsecs=0
[program:web]
command=sleep 1000
startsecs=0
autorestart=true
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Supervisord]:
    """A real supervisord with two programs."""
    supervisord = Supervisord(tmp_path)
    supervisord.socket.parent.mkdir(parents=True)
    conf = tmp_path / "supervisord.conf"
    conf.write_text(DAEMON.format(here=tmp_path))
    command = [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-c", str(conf)]
    process = Popen(command, stdout=PIPE, stderr=PIPE)
    deadline = time.monotonic() + 30
    while not supervisord.running():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield supervisord
    process.terminate()
    process.communicate(timeout=30)


@pytest.fixture
def admin(web_config: Config, daemon: Supervisord, dsn: str) -> Iterator[TestClient]:
    """The owner, on a host whose supervisord runs."""
    app = create_app(web_config, supervisord=daemon)
    headers = {"sec-fetch-site": "same-origin"}
    with TestClient(app, base_url=ADDRESS, headers=headers, follow_redirects=False) as client:
        client.get(f"/sign-in/{sign_in_token(dsn)}")
        yield client


def program(world: World, name: str, state: str = "RUNNING", host: str | None = None) -> None:
    """A program as the event listener of its host reports it."""
    import socket

    world.connection.execute(
        """INSERT INTO programs (host, name, state, pid, rss, restarts, max_restarts, window_seconds)
           VALUES (%s, %s, %s, 4711, 52000000, 1, 5, 60)""",
        [host or socket.gethostname(), name, state],
    )


def changed(daemon: Supervisord, name: str, before: int) -> bool:
    """Whether the program runs under another process number by now."""
    found = daemon.program(name)
    return found.state == "RUNNING" and found.pid != before


def test_programs_are_restarted_after_a_question(
    admin: TestClient, daemon: Supervisord, world: World
) -> None:
    program(world, "worker-analysis")
    program(world, "elsewhere", host="another-host")
    text = admin.get("/ports").text
    assert text.count('value="restart"') == 1, "this host's only"
    assert "1/5" in text
    assert "52.0 MB" in text
    before = daemon.program("worker-analysis").pid
    asked = admin.post("/ports/worker-analysis", data={"verb": "restart"})
    assert "Restart worker-analysis?" in asked.text
    assert daemon.program("worker-analysis").pid == before
    done = admin.post("/ports/worker-analysis", data={"verb": "restart", "sure": "1"})
    assert "is told to restart" in admin.get(done.headers["location"]).text
    _wait(lambda: changed(daemon, "worker-analysis", before))
    admin.post("/ports/worker-analysis", data={"verb": "stop", "sure": "1"})
    _wait(lambda: daemon.program("worker-analysis").state == "STOPPED")
    log = world.one(
        "SELECT action, target FROM audit_log WHERE starts_with(action, 'program.') ORDER BY at LIMIT 1"
    )
    assert log == {"action": "program.restart", "target": "worker-analysis"}


def test_the_dashboard_restarts_and_is_not_stopped(
    admin: TestClient, daemon: Supervisord, world: World
) -> None:
    before = daemon.program("web").pid
    assert admin.post("/ports/web", data={"verb": "stop", "sure": "1"}).status_code == 422
    admin.post("/ports/web", data={"verb": "restart", "sure": "1"})
    _wait(lambda: changed(daemon, "web", before))
    assert admin.post("/ports/nothing", data={"verb": "restart"}).status_code == 404
    world.connection.execute("UPDATE users SET role = 'user'")
    world.connection.execute("INSERT INTO users (email, role) VALUES ('a@example.org', 'admin')")
    assert admin.post("/ports/web", data={"verb": "restart", "sure": "1"}).status_code == 403


def test_the_tree_shows_what_is_at_work_and_what_went_wrong(
    owner: TestClient, world: World
) -> None:
    job = world.job(world.track("Night Drive"))
    worker = world.worker()
    world.claim()
    child = {"pid": 99, "port": "demucs_runner", "device": "cpu", "state": "busy", "rss": 9 << 20, "calls": 3, "queue_job_id": world.tokens[job][0], "age": 5}  # fmt: skip
    pool = {"name": "demucs_runner/cpu", "strategy": "one_for_one", "size": 1, "restarts": 0, "max_restarts": 3, "window_seconds": 60}  # fmt: skip
    world.connection.execute(
        "SELECT sfa_report_v1(%s, %s, %s, true)", [worker, json.dumps([pool]), json.dumps([child])]
    )
    world.connection.execute(
        """INSERT INTO incidents (host, program, event, detail) VALUES ('h', 'worker-download', 'held', '{"pause": 5}')"""
    )
    text = owner.get("/ports").text
    for words in ("Night Drive", f'href="/jobs/{job}"', "busy", "ended too often and is held back"):
        assert words in text
    assert 'value="restart"' not in text, "no supervisord here"


def test_every_setting_is_described_and_says_where_it_comes_from(tmp_path: Path) -> None:
    names = {field.name for field in fields(Config)}
    assert names <= set(SETTINGS) | set(documented()), "a setting that nothing describes"
    assert documented()["grace_seconds"].startswith("how long a child may take to stop")
    assert set(SETTINGS) <= names
    (tmp_path / "sfa.toml").write_text('upload_limit_mb = 5\nspotify_client_secret = "hush"\n')
    env = {
        "SFA_VAR": str(tmp_path),
        "SFA_PORT": "4001",
        "DATABASE_URL": "postgres://me:secret@host/db",
    }
    running = Config(
        var=tmp_path, port=4001, upload_limit_mb=1024, database_url=env["DATABASE_URL"]
    )
    shown = {each.name: each for each in settings(running, Config.sources(env))}
    assert (shown["port"].value, shown["port"].source) == ("4001", "environment")
    assert (shown["upload_limit_mb"].source, shown["upload_limit_mb"].changed) == ("file", "5")
    assert shown["model"].source == "default"
    assert shown["database_url"].value == "postgres://me:••••••@host/db"
    assert "hush" not in repr(shown)


def test_settings_are_for_administrators_choices_for_everybody(
    owner: TestClient, world: World
) -> None:
    assert "upload_limit_mb" in owner.get("/settings").text
    world.connection.execute("UPDATE users SET role = 'user'")
    world.connection.execute("INSERT INTO users (email, role) VALUES ('a@example.org', 'admin')")
    assert "upload_limit_mb" not in owner.get("/settings").text
    owner.post("/settings", data={"lang": "de", "theme": "dark"})
    assert 'lang="de"' in owner.get("/settings").text
    assert 'data-theme="sfa-dark"' in owner.get("/").text
    owner.post("/settings", data={"lang": "xx"})
    assert 'html lang="en"' in owner.get("/settings").text


def test_a_models_files_are_verified(owner: TestClient, world: World, web_config: Config) -> None:
    folder = web_config.models_folder
    folder.mkdir(parents=True)
    good = b"weights"
    (folder / f"955717e8-{hashlib.sha256(good).hexdigest()[:8]}.th").write_bytes(good)
    assert owner.post("/models/htdemucs", data={"verb": "verify"}).status_code == 303
    _wait(lambda: "Every file has the hash" in owner.get("/models").text)
    bad = next(folder.glob("*.th"))
    bad.write_bytes(b"rotten")
    owner.post("/models/htdemucs", data={"verb": "verify"})
    _wait(lambda: f"Damaged: {bad.name}" in owner.get("/models").text)
    assert owner.post("/models/nothing", data={"verb": "verify"}).status_code == 404
    assert owner.post("/models/htdemucs", data={"verb": "eat"}).status_code == 400


def _wait(holds: "object") -> None:
    deadline = time.monotonic() + 60
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_administrator_sets_a_setting_and_takes_it_back(
    owner: TestClient, world: World, web_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFA_VAR", str(web_config.var))
    monkeypatch.delenv("SFA_RATE_LIMIT", raising=False)
    file = web_config.var / "sfa.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('# mine\nmail_from = "me@example.org"\nrate_limit = 2 # enough\n')
    form = {"verb": "set", "value": "3.5"}
    assert owner.post("/settings/rate_limit", data=form).status_code == 303
    owner.post("/settings/sign_up", data={"verb": "set", "value": "true"})
    assert file.read_text() == '# mine\nmail_from = "me@example.org"\nrate_limit = 3.5\nsign_up = true\n'  # fmt: skip
    page = owner.get("/settings").text
    assert "3.5 after the next start" in page
    assert "True after the next start" in page
    owner.post("/settings/rate_limit", data={"verb": "default"})
    assert "rate_limit" not in file.read_text()
    hostile = 'x"\nkeys = "stolen'
    owner.post("/settings/mail_from", data={"verb": "set", "value": hostile})
    assert tomllib.loads(file.read_text()) == {"mail_from": hostile, "sign_up": True}
    told = world.connection.execute("SELECT target FROM audit_log WHERE action = 'setting.change' ORDER BY id").fetchall()  # fmt: skip
    assert [row["target"] for row in told][:3] == ["rate_limit = 3.5", "sign_up = true", "rate_limit: the default"]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("rate_limit", "many", 422), ("rate_limit", "-1", 422), ("lease_seconds", "1", 422), ("upload_limit_mb", "1.5", 422),
        ("sign_up", "perhaps", 422), ("database_url", "postgres://x", 404), ("download_private", "true", 404),
        ("spotdl_python", "/bin/sh", 404), ("no_such", "1", 404),
    ],
)  # fmt: skip
def test_what_no_start_would_take_is_not_written(
    owner: TestClient, web_config: Config, monkeypatch: pytest.MonkeyPatch, name: str, value: str, status: int,
) -> None:  # fmt: skip
    monkeypatch.setenv("SFA_VAR", str(web_config.var))
    file = web_config.var / "sfa.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("# as it was\n")
    answer = owner.post(f"/settings/{name}", data={"verb": "set", "value": value})
    assert answer.status_code == status
    assert file.read_text() == "# as it was\n"


def test_what_the_environment_sets_is_not_set_here(
    owner: TestClient, web_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFA_VAR", str(web_config.var))
    monkeypatch.setenv("SFA_RATE_LIMIT", "4")
    answer = owner.post("/settings/rate_limit", data={"verb": "set", "value": "2"})
    assert answer.status_code == 409
    assert not (web_config.var / "sfa.toml").exists()
