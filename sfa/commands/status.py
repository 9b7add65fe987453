"""Say what is running: the programs, the web, the queues. Exit code 0, 3 (something is not running) or 4 (nothing is)."""

import argparse
import asyncio
import json
from typing import Any

from sfa.config import Config
from sfa.db import Database, Row
from sfa.errors import SfaError
from sfa.postgres import dsn
from sfa.readiness import healthy
from sfa.supervisord import POSTGRES, Program, Supervisord
from sfa.terminal import clock

SOMETHING_IS_NOT, NOTHING_IS = 3, 4


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(config: Config, args: argparse.Namespace) -> int:
    supervisord = Supervisord()
    programs = supervisord.programs() if supervisord.running() else []
    queues, problem = _queues(config) if programs else ([], "nothing is running")
    web = healthy(config)
    well = [_well(program, config) for program in programs]
    if not programs:
        code = NOTHING_IS
    else:
        code = 0 if all(well) and web and not problem else SOMETHING_IS_NOT
    if args.json:
        print(json.dumps(_report(config, programs, queues, problem, web), default=str))
        return code
    if not programs:
        print("Nothing is running here. Start it: bin/sfa up")
    for program, fine in zip(programs, well, strict=True):
        since = f"for {clock(program.seconds)}" if program.seconds else program.description
        print(f"  {'✓' if fine else '✗'} {program.name:<18} {program.state.lower():<9} {since}")
    for queue in queues:
        paused = f", paused: {queue['paused_reason'] or 'by hand'}" if queue["paused"] else ""
        print(
            f"    {queue['name']:<18} {queue['running']} running, {queue['ready']} ready, "
            f"{queue['scheduled']} later{_held(queue)}{paused}"
        )
    if problem and programs:
        print(f"  ✗ database: {problem}")
    if programs:
        print(f"  {'✓' if web else '✗'} {config.address}" + ("" if web else "  does not answer"))
    return code


OBSTACLES = {
    "worker": "no worker serves it",
    "trial": "one job is tried after the others crashed",
    "limit": "the limit of all workers together is reached",
    "busy": "every slot is taken",
    "lock": "another job of the same lock runs",
}
"""Why what is ready does not start, where the line does not say so anyway."""


def _held(queue: Row) -> str:
    """What is held back, and why what is ready does not start."""
    held = f", {queue['held']} held" if queue["held"] else ""
    if queue["obstacle"] == "resource":
        return f"{held}; {queue['short']} wait for {', '.join(queue['short_of'])}"
    why = OBSTACLES.get(queue["obstacle"] or "")
    return f"{held}; {why}" if why else held


def _well(program: Program, config: Config) -> bool:
    if program.name == POSTGRES and config.database_url:
        return program.state in ("EXITED", "STOPPED", "STARTING")
    return program.state == "RUNNING"


def _report(
    config: Config, programs: list[Program], queues: list[Row], problem: str, web: bool
) -> dict[str, Any]:
    return {
        "running": bool(programs),
        "address": config.address,
        "web": web,
        "database": problem or "ok",
        "programs": [program.to_json() for program in programs],
        "queues": queues,
    }


def _queues(config: Config) -> tuple[list[Row], str]:
    async def ask() -> list[Row]:
        database = Database(dsn(config), size=1, timeout=2)
        await database.open()
        try:
            async with database.session() as session:
                return await session.all("page_health")
        finally:
            await database.close()

    try:
        return asyncio.run(ask()), ""
    except SfaError as error:
        return [], str(error)
