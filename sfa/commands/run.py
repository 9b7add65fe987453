"""Separate and analyse FILE, and show the result: set-up, start, import, progress, figures, address.

Without FILE a short piece with known stems is rendered first. Everything is left running.
Ctrl-C cancels the jobs. Exit code 0, 1 (a job failed, with the reason), 130 (cancelled).
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sfa.accounts import new_sign_in
from sfa.commands.models import choose
from sfa.commands.up import up
from sfa.config import Config
from sfa.db import Database, Row
from sfa.demo import TITLE, render_demo
from sfa.errors import SfaError
from sfa.intake import checked_format, take_in
from sfa.postgres import dsn
from sfa.price import price
from sfa.store import Store
from sfa.terminal import Board, Line, clock, step
from sfa.watch import Outcome, Watch

CANCELLED = 130


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, help="an audio file (default: a demo)")
    parser.add_argument("--model", default="", help="what to separate with; see `bin/sfa models`")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(config: Config, args: argparse.Namespace) -> int:
    began = time.monotonic()
    file: Path | None = args.file
    if file is not None:
        checked_format(file)
    model, notice = choose(config, args.model)
    if notice:
        print(f"sfa: {notice}", file=sys.stderr)
    up(config)
    with tempfile.TemporaryDirectory(prefix="sfa-demo-") as folder:
        title = TITLE if file is None else file.stem
        if file is None:
            with step("demo"):
                file = render_demo(Path(folder))
        code, outcome, link = asyncio.run(_import_and_follow(config, file, title, model))
    report = _report(config, outcome, link, model, notice, time.monotonic() - began)
    if args.json:
        print(json.dumps(report, default=str))
    else:
        _print(outcome, link)
    return code


async def _import_and_follow(
    config: Config, file: Path, title: str, model: str
) -> tuple[int, Outcome, str]:
    database = Database(dsn(config), size=3, name="sfa-run")
    await database.open()
    try:
        store = Store(config.store_address, config.var / "cache")
        await _price(config, database, file, model)
        with step("import"):
            intake = await take_in(database, store, file, title, model)
        watch = Watch(database, intake.track, intake.user)
        cancelled = await _follow(watch)
        outcome = await watch.outcome()
        async with database.session() as session:
            link = f"{config.address}/sign-in/{await new_sign_in(session, intake.user)}"
        code = CANCELLED if cancelled else 1 if outcome.failure else 0
        return code, outcome, link
    finally:
        await database.close()


async def _price(config: Config, database: Database, file: Path, model: str) -> None:
    """Say what it will cost, before anything is begun; refuse what cannot end well."""
    async with database.session() as session:
        cost = await price(session, file, model)
    if lack := cost.lacking(config.var):
        raise SfaError(f"{file.name} with {model}: {lack}")
    print(f"  {clock(cost.audio)} with {model}: {cost}", file=sys.stderr)


async def _follow(watch: Watch) -> bool:
    """Show the jobs until they have ended; return whether a person cancelled them."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    board = Board()
    following = asyncio.create_task(_show(watch, board))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([following, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not following.done():
            # A second Ctrl-C ends this program at once; the jobs are cancelled already.
            loop.remove_signal_handler(signal.SIGINT)
            count = await watch.cancel()
            print(f"  cancelling {count} job{'s' * (count != 1)} …", file=sys.stderr)
        await following
        return stop.is_set()
    finally:
        stopping.cancel()
        following.cancel()
        await asyncio.gather(stopping, following, return_exceptions=True)
        board.close()


async def _show(watch: Watch, board: Board) -> None:
    async for jobs in watch.jobs():
        board.update([_line(job) for job in jobs])


def _line(job: Row) -> Line:
    stage = job["error"] if job["status"] in ("failed", "retrying") else job["stage"]
    if job["status"] == "running" and stage:
        stage = stage.partition(",")[0]  # the board says itself how fast it goes
    if job["status"] == "retrying" and job["starts_in"]:
        stage = f"in {max(0, round(job['starts_in']))} s: {stage}"
    return Line(
        name=_NAMES.get(job["kind"], "{kind}").format(**job)[:22],
        status=job["status"],
        percent=float(job["progress"]),
        stage=stage or "",
        elapsed=float(job["elapsed"] or 0),
    )


def _report(
    config: Config, outcome: Outcome, link: str, model: str, notice: str, seconds: float
) -> dict[str, Any]:
    track = outcome.track
    return {
        "track": {name: track.get(name) for name in ("id", "title", "duration_ms")},
        "analysis": {name: track.get(name) for name in _FIGURES},
        "model": model,
        "notice": notice or None,
        "stems": outcome.stems,
        "jobs": [{name: job[name] for name in _JOB} for job in outcome.jobs],
        "dashboard": config.address,
        "sign_in": link,
        "seconds": round(seconds, 2),
    }


_FIGURES = (
    "tempo",
    "tempo_confidence",
    "key",
    "key_confidence",
    "camelot",
    "energy",
    "rms_db",
    "peak_db",
    "spectral_centroid",
    "spectral_rolloff",
)
_NAMES = {
    "processing": "separate ({detail})",
    "analysis": "analyse",
    "download": "download",
    "export": "export ({detail})",
}
_JOB = ("id", "kind", "detail", "status", "error", "error_kind", "attempt", "elapsed")


def _print(outcome: Outcome, link: str) -> None:
    track = outcome.track
    length = clock(track["duration_ms"] / 1000) if track.get("duration_ms") else "unknown length"
    print(f"\n{track['title']}  {length}")
    if track.get("analysis_id"):
        tempo = (
            f"tempo {track['tempo']:.1f} BPM" if track["tempo"] is not None else "no tempo found"
        )
        key = f"key {track['key']} ({track['camelot']})" if track["key"] else "no key found"
        print(f"  {tempo} · {key}")
    for stem in outcome.stems:
        level = f"{stem['rms_db']:6.1f} dB" if stem["rms_db"] is not None else "    silent"
        print(f"  {stem['stem_type']:<8} {clock(stem['duration_ms'] / 1000):>7} {level}")
    if failure := outcome.failure:
        print(f"  {failure['kind']} {failure['status']}: {failure['error'] or 'by your request'}")
    print(f"\nOpen the dashboard (this link works once, for 15 minutes):\n  {link}")
    print("Everything keeps running: bin/sfa status · bin/sfa down")
