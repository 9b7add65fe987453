"""Measure the dashboard: server time of every page with a million jobs, live news to 500 readers, size of the assets.

    bin/bench web [--jobs 1000000] [--tracks 10000] [--readers 500] [--rounds 30] [--only sfa pgqueuer chancy procrastinate]

Pages are asked of the application in this process, by ASGI, so that a figure is the server's time and the database's
without a browser; what it takes of processors stands beside, which a busy machine leaves alone. Readers are real sockets on a real port. Progress goes the
whole way from a child of a worker process to a socket. Goals: a page in 30 ms at the median, news and progress within 250 ms,
assets under 250 KB compressed. The dashboards of PgQueuer, Chancy and Procrastinate
(Django's admin) are asked in the same way, with as many jobs in their own tables (dashboard/contestants.py): their pages stand beside those
of ours that are most like them.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import resource
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import httpx
import psutil
import psycopg
import uvicorn

from sfa.accounts import local_owner, new_sign_in
from sfa.config import Config
from sfa.db import Database
from sfa.migrations import migrate
from sfa.postgres.throwaway import Throwaway
from sfa.web.app import create_app
from sfa.web.live import Hub
from sfa.web.pages.page import PAGE_SIZE
from sfa.web.pages.tracks import Wanted
from sfa.web.render import DIST
from sfa.web.server import Server
from tests.bench.dashboard import contestants
from tests.bench.dashboard.house import fill
from tests.bench.dashboard.progress import PACES, latencies, newsroom
from tests.bench.dashboard.streams import hears, reader
from tests.bench.kit.measure import quantile
from tests.bench.kit.report import Report, chosen, parser

SORTS = {
    "title": "title", "-title": "title down", "artist": "artist", "-artist": "artist down", "tempo": "tempo", "-tempo": "tempo down",
    "key": "key", "-key": "key down", "length": "length", "-length": "length down",
}  # fmt: skip
DEEP = ("title", "-artist", "-tempo", "key", "length")
ADDRESS = "http://127.0.0.1:4000"
SFA = "sfa"


def main(argv: list[str]) -> int:
    """Run the bench."""
    options_of = parser("web", __doc__ or "", rounds=30)
    options_of.add_argument("--jobs", type=int, default=1_000_000)
    options_of.add_argument("--tracks", type=int, default=10_000)
    options_of.add_argument("--readers", type=int, default=500)
    options = options_of.parse_args(argv)
    if options.quick or options.smoke:
        options.jobs, options.tracks, options.readers = 20_000, 500, 50
    if options.smoke:
        options.jobs, options.tracks, options.readers, options.rounds = 500, 50, 5, 2
    names = [SFA] if options.smoke else chosen([SFA, *contestants.CONTESTANTS], options.only)
    report = Report("web")
    report.calibration.take()
    server = Throwaway()
    try:
        server.start()
        if SFA in names:
            assets(report)
            ours(report, server, options)
        contestants.measure(report, server, names, options.jobs, options.rounds)
    finally:
        server.stop()
    report.show(options.json)
    return 0


def ours(report: Report, server: Throwaway, options: argparse.Namespace) -> None:
    """Fill a database, and ask its pages."""
    migrate(server.dsn)
    began = time.monotonic()
    fill(server.superuser_dsn.replace("dbname=postgres", "dbname=sfa"), options.tracks, options.jobs)  # fmt: skip
    filled = (
        f"{options.jobs} jobs, {options.tracks} tracks, filled in {time.monotonic() - began:.0f} s"
    )
    report.note(filled)
    with TemporaryDirectory() as folder:
        # Without the limit of requests: it asks faster than anyone may.
        config = Config(var=Path(folder), database_url=server.dsn, rate_limit=0)
        asyncio.run(measured(report, config, server, options.rounds, options.readers))


def assets(report: Report) -> None:
    """What a first visit loads, compressed."""
    names = json.loads((DIST / "manifest.json").read_text())
    for name, built in sorted(names.items()):
        size = len(gzip.compress((DIST / built).read_bytes(), 6)) / 1024
        report.add(f"asset {name}", SFA, size, "KB")
    total = sum(len(gzip.compress((DIST / built).read_bytes(), 6)) for built in names.values())
    report.add("assets together", SFA, total / 1024, "KB")


async def measured(
    report: Report, config: Config, server: Throwaway, rounds: int, readers: int
) -> None:
    """Pages, then streams."""
    async with browser(config) as client:
        for name, path in (await addresses(config, client)).items():
            spans, used = [], 0.0
            for number in range(rounds + 1):
                if number == 1:
                    used = processor(server)
                began = time.perf_counter()
                answer = await client.get(path)
                spent = time.perf_counter() - began
                if answer.status_code != 200:
                    raise RuntimeError(f"{path} answered {answer.status_code}: {answer.text[:200]}")
                if number:  # the first one opens connections and compiles templates
                    spans.append(spent * 1000)
            report.calibration.take()
            report.add(f"{name}, median", SFA, quantile(spans, 0.5), "ms")
            report.add(f"{name}, 95 %", SFA, quantile(spans, 0.95), "ms")
            each = (processor(server) - used) * 1000 / rounds
            report.add(f"{name}, processor", SFA, each, "ms")
        cookie = f"sfa_session={client.cookies['sfa_session']}"
    await live(report, config, cookie, readers, rounds)


def processor(server: Throwaway) -> float:
    """Processor seconds of this process and of the database's: what a page costs on however busy a machine."""
    assert server.process is not None
    spent = time.process_time()
    for process in psutil.Process(server.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            spent += sum(process.cpu_times()[:2])
    return spent


@asynccontextmanager
async def browser(config: Config) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in client of the application."""
    app = create_app(config)
    headers = {"sec-fetch-site": "same-origin"}
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers=headers) as client:  # fmt: skip
            async with app.state.services.database.session() as session:
                token = await new_sign_in(session, await local_owner(session))
            await client.get(f"/sign-in/{token}")
            yield client


async def addresses(config: Config, client: httpx.AsyncClient) -> dict[str, str]:
    """Every page, and the lists under the filters that are hardest."""
    one = "SELECT track_id, id, (SELECT id FROM processing_jobs WHERE status = 'failed' LIMIT 1) AS failed FROM processing_jobs WHERE status = 'completed' LIMIT 1"
    with psycopg.connect(config.database_url) as connection:
        row = connection.execute(one.encode()).fetchone()
    assert row is not None
    track, _job, failed = row
    jobs = {
        "all": "", "waiting": "status=waiting", "failed": "status=failed", "completed": "status=completed",
        "a rare model": "detail=mdx_extra", "a model without jobs": "detail=htdemucs_ft", "a rare kind": "kind=export",
        "an empty kind": "kind=import", "a rare error": "reason=crash", "of a search": "q=Artist+77",
    }  # fmt: skip
    sorts = {f"by {word}": f"sort={sort}" for sort, word in SORTS.items()}
    deep = {f"{name}, page 100": await deep_page(config, sort) for name, sort in (("newest", ""), *((f"by {SORTS[s]}", s) for s in DEEP))}  # fmt: skip
    tracks = {
        "newest": "", **sorts, **deep, "of a search": "q=Artist+77", "of a search by tempo": "q=Artist+77&sort=tempo",
        "by tempo and key": "slowest=120&fastest=125&camelot=8A", "without stems": "stems=no", "without stems by title": "stems=no&sort=title",
        "that failed": "state=failed", "at work by length": "state=active&sort=length",
    }  # fmt: skip
    return (
        {"home": "/"}
        | {f"tracks {name}": f"/tracks?{query}" for name, query in tracks.items()}
        | {"track": f"/tracks/{track}"}
        | {f"jobs {name}": f"/jobs?{query}" for name, query in jobs.items()}
        | ({"job": f"/jobs/{failed}"} if failed else {})
        | {name: f"/{name}" for name in ("queues", "ports", "schedule", "models", "settings")}
    )


async def deep_page(config: Config, sort: str) -> str:
    """The query of the hundredth page in an order; of the last but one, where there are fewer tracks."""
    wanted = Wanted(sort=sort)
    database = Database(config.database_url, custom_plans=True)
    await database.open()
    try:
        async with database.session() as session:
            rows = await wanted.rows(session, await local_owner(session), 99 * PAGE_SIZE)
    finally:
        await database.close()
    return urlencode(wanted.query(before=wanted.key_after(rows[-1])))


async def live(report: Report, config: Config, cookie: str, count: int, rounds: int) -> None:
    """From a change's commit to the readers of home, and to one reader of a track."""
    hub = Hub(streams=count + 10)
    server = Server(uvicorn.Config(create_app(config, hub=hub), port=0, log_config=None, access_log=False), hub)  # fmt: skip
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            await asyncio.sleep(0.02)
        address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        readers = [await reader(address, "/events?page=home", cookie) for _ in range(count)]
        spans: list[float] = []
        last: list[float] = []
        async with await psycopg.AsyncConnection.connect(config.database_url, autocommit=True) as connection:  # fmt: skip
            for number in range(min(rounds, 20)):
                await asyncio.sleep(0.6)
                since = await _rename(connection, number)
                heard = await hears(readers, since)
                if len(heard) < count:
                    raise RuntimeError(f"{count - len(heard)} of {count} readers heard nothing")
                spans += heard
                last.append(max(heard))
        report.add(f"a change to {count} readers, median", SFA, quantile(spans, 0.5) * 1000, "ms")
        report.add(f"a change to {count} readers, the last one", SFA, quantile(last, 0.5) * 1000, "ms")  # fmt: skip
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        report.add(f"memory of {count} readers and their clients", SFA, grown / 1024, "MB")
        for each in readers:
            each.writer.close()
        await told(report, config, address, cookie, rounds)
    finally:
        server.should_exit = True
        await asyncio.to_thread(thread.join, 30)


async def told(report: Report, config: Config, address: str, cookie: str, rounds: int) -> None:
    """From a child's frame to the page."""
    folder = config.var / "newsroom"
    folder.mkdir()
    with newsroom(config, folder):
        for pace in PACES if rounds > 2 else PACES[-1:]:
            spans = await latencies(address, cookie, config.database_url, folder, pace)
            report.calibration.take()
            report.add(f"progress, {pace.name}, median", SFA, quantile(spans, 0.5) * 1000, "ms")
            report.add(f"progress, {pace.name}, 95 %", SFA, quantile(spans, 0.95) * 1000, "ms")


async def _rename(connection: psycopg.AsyncConnection[Any], number: int) -> float:
    """A change that the readers see; when it was committed."""
    await connection.execute(
        "UPDATE tracks SET title = %s WHERE id = (SELECT id FROM tracks ORDER BY inserted_at DESC LIMIT 1)",
        [f"Renamed {number}"],
    )
    return time.perf_counter()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
