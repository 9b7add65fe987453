"""Start everything that is not running: database, schema, web, workers. Safe to repeat.

Programs that run already are left alone, unless the code has changed since they were started: then everything is
stopped (running jobs go back to their queues and use up no attempt) and started afresh.
"""

import argparse
import asyncio
import time

from sfa.accounts import local_owner, new_sign_in
from sfa.config import Config
from sfa.db import Database
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
    print(f"Sign in (this link works once, for 15 minutes):\n  {asyncio.run(_sign_in(config))}")
    return 0


async def _sign_in(config: Config) -> str:
    database = Database(dsn(config), size=1, name="sfa-up")
    await database.open()
    try:
        async with database.session() as session:
            token = await new_sign_in(session, await local_owner(session))
    finally:
        await database.close()
    return f"{config.address}/sign-in/{token}"


def up(config: Config) -> None:
    """Bring everything up and return once the web answers; says nothing if it does already."""
    supervisord = Supervisord()
    if supervisord.running() and supervisord.outdated():
        with step("update"):
            supervisord.shutdown()
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
