"""Separate and analyse WHAT, and show the result: set-up, start, import, progress, figures, address.

WHAT is an audio file, or an address: of a Spotify track, album or playlist, or (where the settings download_http and
download_sites allow it) of an audio file or a page that yt-dlp knows. Of a list one chooses. Without WHAT a short piece with
known stems is rendered first. Everything is left running.
Ctrl-C cancels the jobs. Exit code 0, 1 (a job failed, with the reason), 130 (cancelled).
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sfa.accounts import new_sign_in
from sfa.arrival import MOST, address_in, arrive, positions, report, tell
from sfa.commands.models import choose
from sfa.commands.up import up
from sfa.config import Config
from sfa.db import Database
from sfa.demo import TITLE, render_demo
from sfa.errors import SfaError
from sfa.follow import follow
from sfa.intake import checked_format, take_in
from sfa.postgres import dsn
from sfa.price import price
from sfa.store import Store
from sfa.terminal import clock, step
from sfa.watch import Outcome, Watch

CANCELLED = 130


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", help="an audio file, or an address (default: a demo)")
    parser.add_argument("--choose", default="", help="of an address's list: all, or 1-5,8")
    parser.add_argument("--model", default="", help="what to separate with; see `bin/sfa models`")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(config: Config, args: argparse.Namespace) -> int:
    began = time.monotonic()
    address = address_in(args.what)
    file = Path(args.what) if args.what and not address else None
    if file is not None:
        checked_format(file)
    if args.choose:
        positions(args.choose, MOST)
    model, notice = choose(config, args.model)
    if notice:
        print(f"sfa: {notice}", file=sys.stderr)
    up(config)
    if address:
        return asyncio.run(_take_address(config, address, model, args, notice, began))
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
        cancelled = await follow(watch)
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


async def _take_address(
    config: Config, address: str, model: str, args: argparse.Namespace, notice: str, began: float
) -> int:
    database = Database(dsn(config), size=3, name="sfa-run")
    await database.open()
    try:
        came = await arrive(database, address, model, args.choose)
        async with database.session() as session:
            link = f"{config.address}/sign-in/{await new_sign_in(session, came.user)}"
        if came.track:
            outcome = await Watch(database, came.track, came.user).outcome()
            told = _report(config, outcome, link, model, notice, time.monotonic() - began)
        else:
            outcome = None
            told = report(came, config.address, link)
    finally:
        await database.close()
    if args.json:
        print(json.dumps(told, default=str))
    elif outcome:
        _print(outcome, link)
    else:
        tell(came, link)
    failed = bool(outcome.failure) if outcome else came.failed
    return CANCELLED if came.cancelled else 1 if failed else 0


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
