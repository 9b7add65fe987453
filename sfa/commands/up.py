"""Start everything that is not running: database, schema, web, workers. Safe to repeat.

Programs that run already are left alone: after an update of the code, `bin/sfa down` comes first.
"""

import argparse
import socket
import time

from sfa.config import Config
from sfa.errors import DatabaseUnavailable, SfaError
from sfa.migrations import migrate
from sfa.postgres import dsn
from sfa.postgres.cluster import Cluster
from sfa.readiness import PAUSE, healthy
from sfa.supervisord import POSTGRES, WEB, Supervisord
from sfa.terminal import step

DATABASE_SECONDS = 60.0
WEB_SECONDS = 60.0
# Their words for a program that is on its way, or there.
STARTED = frozenset({"STARTING", "RUNNING", "BACKOFF"})


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def main(config: Config, args: argparse.Namespace) -> int:
    up(config)
    print(f"Running: {config.address}  (bin/sfa status · bin/sfa down)")
    return 0


def up(config: Config) -> None:
    """Bring everything up and return once the web answers; says nothing if it does already."""
    supervisord = Supervisord()
    if not supervisord.running():
        check_port(config)
        with step("start"):
            supervisord.start()
    elif _complete(config, supervisord):
        return
    with step("database"):
        _database(config, supervisord)
    with step("schema"):
        migrate(dsn(config))
    with step("web"):
        _programs(config, supervisord)


def check_port(config: Config) -> None:
    """Raise if the web's port cannot be had, before anything is started."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    reason = ""
    for port in range(config.port, min(config.port + 20, 65536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((config.host, port))
            except PermissionError:
                raise SfaError(
                    f"port {port} is reserved for root: choose one above 1023 (SFA_PORT)"
                ) from None
            except OSError as error:
                reason = reason or error.strerror or str(error)
                continue
        if port == config.port:
            return
        raise SfaError(
            f"port {config.port} cannot be used ({reason.lower()}; another program, or SFA from another "
            f"folder, has it): stop that, or choose another port: SFA_PORT={port} bin/sfa up"
        )
    raise SfaError(f"port {config.port} and those above it cannot be used ({reason}): set SFA_PORT")


def _complete(config: Config, supervisord: Supervisord) -> bool:
    programs = [program for program in supervisord.programs() if program.name != POSTGRES]
    return all(program.state == "RUNNING" for program in programs) and healthy(config)


def _database(config: Config, supervisord: Supervisord) -> None:
    deadline = time.monotonic() + DATABASE_SECONDS
    if config.database_url:
        return
    cluster = Cluster.of(config.var, config.postgres_user)
    while not cluster.ready():
        program = supervisord.program(POSTGRES)
        if program.state not in STARTED:
            supervisord.start_program(POSTGRES)
        if time.monotonic() > deadline or program.state in ("FATAL", "BACKOFF"):
            tail = supervisord.log_tail(POSTGRES)
            raise DatabaseUnavailable(
                f"the embedded PostgreSQL does not start; its log ends with:\n{tail}"
            )
        time.sleep(PAUSE)


def _programs(config: Config, supervisord: Supervisord) -> None:
    for program in supervisord.programs():
        if program.name != POSTGRES and program.state not in STARTED:
            supervisord.start_program(program.name)
    deadline = time.monotonic() + WEB_SECONDS
    while not healthy(config):
        web = supervisord.program(WEB)
        if time.monotonic() > deadline or web.state in ("FATAL", "BACKOFF", "EXITED"):
            tail = supervisord.log_tail(WEB)
            raise SfaError(
                f"the web does not answer on {config.address}. If it was started with other settings, run "
                f"`bin/sfa down` first. Its log ends with:\n{tail}"
            )
        time.sleep(PAUSE)
