"""Show the tree of processes: programs, workers, pools, children, jobs. Live on a terminal, until Ctrl-C."""

import argparse
import asyncio
import json
import shutil
import sys
import time

from sfa.config import Config
from sfa.db import Database, Row
from sfa.errors import SfaError
from sfa.postgres import dsn
from sfa.supervisord import Supervisord
from sfa.terminal import clock


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    parser.add_argument("--once", action="store_true", help="print it once, on a terminal too")


def main(config: Config, args: argparse.Namespace) -> int:
    if args.json:
        rows, problem = tree(config)
        print(json.dumps(rows, default=str))
        return 1 if problem else 0
    live = sys.stdout.isatty() and not args.once
    while True:
        rows, problem = tree(config)
        width = shutil.get_terminal_size().columns
        lines = [line(row)[: width if live else None] for row in rows]
        if problem:
            lines.append(f"  ✗ {problem}")
        if live:
            print("\033[H\033[J", end="")
        print("\n".join(lines or ["Nothing is running here. Start it: bin/sfa up"]), flush=True)
        if not live:
            return 1 if problem else 0
        time.sleep(1)


def line(row: Row) -> str:
    """One row as a person reads it."""
    name = f"{row['name']} {row['pid'] or ''}".strip()
    parts = [
        f"{'  ' * row['depth']}{row['kind']:<7} {name:<{44 - 2 * row['depth']}} {row['state']:<9}"
    ]
    if row["rss"]:
        parts.append(f"{row['rss'] >> 20:>5} MB")
    if row["max_restarts"] is not None:
        parts.append(
            f"{row['restarts']}/{row['max_restarts']} restarts in {row['window_seconds']:g} s"
        )
    if row["calls"] is not None:
        parts.append(f"{row['calls']} calls")
    if row["queue_job_id"] is not None:
        parts.append(f"job {row['queue_job_id']} ({row['job_kind']}) for {clock(row['lease_age'])}")
    if row.get("ended") is not None:
        parts.append(row["ended"])
    if row.get("starts_in") is not None:
        parts.append(f"starts in {clock(row['starts_in'])}")
    elif row["age"] is not None and row["queue_job_id"] is None:
        parts.append(f"for {clock(row['age'])}")
    return "  ".join(parts)


def tree(config: Config) -> tuple[list[Row], str]:
    """The tree from the database; where that is away, supervisord's part of it, and the reason."""

    async def ask() -> list[Row]:
        database = Database(dsn(config), size=1, timeout=2)
        await database.open()
        try:
            async with database.session() as session:
                return await session.all("tree_show")
        finally:
            await database.close()

    try:
        return asyncio.run(ask()), ""
    except SfaError as error:
        problem = str(error)
    supervisord = Supervisord()
    programs = supervisord.programs() if supervisord.running() else []
    empty: Row = dict.fromkeys(
        ("rss", "restarts", "max_restarts", "calls", "queue_job_id", "job_kind")
    )
    return [
        {
            **empty, "path": ["here", p.name], "depth": 1, "kind": "program", "name": p.name,
            "state": p.state.lower(), "pid": p.pid or None, "age": float(p.seconds),
        }
        for p in programs
    ], problem  # fmt: skip
