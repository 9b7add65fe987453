"""Start everything that is not running: database, schema, web, workers. Safe to repeat.

Programs that run already are left alone: after an update of the code, `bin/sfa down` comes first.
"""

import argparse
import time

from sfa.config import Config
from sfa.errors import DatabaseUnavailable, SfaError
from sfa.migrations import migrate
from sfa.postgres import dsn
from sfa.postgres.cluster import Cluster
from sfa.readiness import PAUSE, healthy, port_problem
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
    if problem := port_problem(config):
        raise SfaError(
            f"{problem}: stop the program that has it (SFA from another folder?), or choose another: "
            f"SFA_PORT={config.port + 1} bin/sfa up"
        )


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
