"""A short selection of the scenarios, on real processes; ``bin/sfa chaos`` plays them all."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfa import cli
from sfa.chaos.faults import SCENARIOS, Scenario, register
from sfa.chaos.proxy import Proxy
from sfa.chaos.run import play
from sfa.chaos.scene import Scene
from sfa.chaos.server import Server

register()
SHORT = (
    "child-killed",
    "worker-killed-and-restarted",
    "database-crashed",
    "everything-cut",
    "network-torn",
    "pgbouncer-in-transaction-mode",
    "worker-terminated-twice",
    "worker-drains-with-cancel",
    "results-that-are-no-json",
    "rows-by-hand",
    "cancel-while-the-worker-is-gone",
    "breaker-and-one-dead-worker",
    "breaker-trial-stopped-for-a-deploy",
    "chains-over-a-database-crash",
    "chains-with-two-before-one",
    "tokens-over-a-database-crash",
    "tokens-whose-needs-change",
    "same-work-from-many-sessions",
    "snoozed-again-and-again",
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    try:
        server.start()
        server.prepare()
        yield server
    finally:
        server.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_a_scenario_holds(server: Server, name: str) -> None:
    logs: list[str] = []

    def keep(scene: Scene) -> None:
        logs.extend(scene.log(worker)[-3000:] for worker in scene.workers)

    verdict = play(server, SCENARIOS[name], seed=1, keep=keep)
    assert verdict.findings == [], logs
    if verdict.skipped:
        if os.environ.get("CI") == "true":
            pytest.fail(verdict.skipped)
        pytest.skip(verdict.skipped)
    assert verdict.jobs > 0


@pytest.mark.slow
def test_a_broken_queue_is_found(server: Server) -> None:
    """The judge on a live scene: a result that nobody's token guards, a job that is lost, an orphan."""

    def sabotage(scene: Scene) -> None:
        worker = scene.hire()
        first, second = scene.submit(2)
        scene.ended()
        scene.sql(
            "INSERT INTO chaos_results (job, token, value) VALUES (%s, gen_random_uuid(), '1')",
            first,
        )
        scene.sql("DELETE FROM procrastinate_jobs WHERE id = %s", second)
        orphan = os.fork()
        if orphan == 0:  # pragma: no cover - the child
            os.execve("/bin/sleep", ["sleep", "600"], {"SFA_PARENT_PID": str(worker.pid)})

    verdict = play(server, Scenario("sabotage", "", sabotage), seed=1)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert {finding.fault for finding in verdict.findings} == {"doubled", "lost", "orphan"}


def test_the_proxy_passes_swallows_and_resets(tmp_path: Path) -> None:
    target = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(target))
        listener.listen()
        proxy = Proxy(target)
        with (
            contextlib.closing(proxy),
            socket.create_connection(("127.0.0.1", proxy.port)) as client,
        ):
            server, _ = listener.accept()
            with server:
                client.sendall(b"there")
                assert server.recv(16) == b"there"
                server.sendall(b"back")
                assert client.recv(16) == b"back"
                proxy.set("swallow")
                client.sendall(b"lost")
                server.setblocking(False)
                with pytest.raises(BlockingIOError):
                    server.recv(16)
                proxy.set("reset")
                with pytest.raises(ConnectionResetError):
                    client.recv(16)


def test_the_command_lists_and_refuses(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SFA_VAR", str(tmp_path))
    assert cli.main(["chaos", "--list"]) == 0
    listed = capsys.readouterr().out
    assert all(
        f"  {scenario.name} " in listed and scenario.about in listed
        for scenario in SCENARIOS.values()
    )
    assert cli.main(["chaos", "child-kiled"]) == 1
    assert "did you mean 'child-killed'?" in capsys.readouterr().err
    assert cli.main(["chaos", "child-killed", "--minutes", "1"]) == 1
    assert "leave the names out" in capsys.readouterr().err


@pytest.mark.slow
def test_a_broken_scenario_is_told_and_exits_with_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaks(scene: Scene) -> None:
        scene.find("lost", "a thing")
        raise ValueError("by itself")

    monkeypatch.setenv("SFA_VAR", str(tmp_path))
    monkeypatch.setitem(SCENARIOS, "breaks", Scenario("breaks", "it breaks", breaks))
    monkeypatch.setitem(SCENARIOS, "holds", Scenario("holds", "it holds", lambda scene: None))
    assert cli.main(["chaos", "breaks", "holds", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [verdict["verdict"] for verdict in said["verdicts"]] == ["broken", "held"]
    assert "ValueError: by itself" in said["verdicts"][0]["findings"][1]["text"]
    assert not list(Path("/tmp").glob(f"sfa-chaos-{os.getpid()}*"))


def test_a_halted_server_is_started_again() -> None:
    server = Server()
    try:
        server.start()
        server.halt(signal.SIGQUIT)
        server.ensure()
        with server.connect("postgres", superuser=True) as db:
            assert db.execute("SELECT 1 AS one").fetchone() == {"one": 1}
    finally:
        server.close()
    assert not server.place.exists()
