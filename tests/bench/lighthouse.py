"""Have Lighthouse judge the dashboard's pages: performance, accessibility, best practices, as a phone and as a desktop.

    bin/bench lighthouse [--rounds 3] [--pages home track] [--forms desktop] [--reports FOLDER]

Lighthouse comes from npm on the first use, into var/bench; the browser is Debian's Chromium. The dashboard runs in this process on
a real port, over a small house with everything in it. Goal: 95 of 100 for each. What costs points is named below the
table. Without Lighthouse or Chromium only the sizes of the pages are told.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import uvicorn

from sfa.accounts import local_owner, new_sign_in
from sfa.config import Config
from sfa.db import Database
from sfa.migrations import migrate
from sfa.postgres.throwaway import Throwaway
from sfa.web.app import create_app
from sfa.web.live import Hub
from sfa.web.server import Server
from tests.bench.kit.node import NodeProgram
from tests.bench.kit.report import Report, parser, say
from tests.bench.kit.rivals import Unavailable
from tests.web.gallery import gallery
from tests.web.rows import World

LIGHTHOUSE = NodeProgram("lighthouse", "13.5.0", node=22)
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-background-networking"
TRIES = 3
"""Now and then it misses the beginning of a page."""
CATEGORIES = ("performance", "accessibility", "best-practices")
PAGES = ("sign-in", "home", "tracks", "track", "running", "jobs", "job", "queues", "models")
LOAD_MS = 12_000
"""A live page's stream never ends, so that Lighthouse would wait for 45 seconds; the house's worker counts as gone after 30."""
SFA = "sfa"


def main(argv: list[str]) -> int:
    """Run the bench."""
    options_of = parser("lighthouse", __doc__ or "", rounds=1)
    options_of.add_argument("--pages", nargs="+", default=list(PAGES), metavar="PAGE")
    options_of.add_argument("--forms", nargs="+", default=["phone", "desktop"], choices=["phone", "desktop"])  # fmt: skip
    options_of.add_argument("--reports", type=Path, help="keep Lighthouse's own reports there")
    options = options_of.parse_args(argv)
    report = Report("lighthouse")
    report.calibration.take()
    server = Throwaway()
    try:
        server.start()
        migrate(server.dsn)
        with TemporaryDirectory() as folder:
            config = Config(var=Path(folder), database_url=server.dsn, rate_limit=0)
            world = World(server.dsn, Path(config.store_address))
            pages = {"sign-in": "/sign-in"} | gallery(world)
            world.connection.close()
            with served(config) as address:
                cookie = asyncio.run(signed_in(config, address))
                wanted = {name: pages[name] for name in options.pages}
                sizes(report, address, cookie, wanted)
                if not options.smoke:
                    keep = options.reports or Path(folder)
                    keep.mkdir(parents=True, exist_ok=True)
                    judged(report, address, cookie, wanted, options.forms, options.rounds, keep)
    finally:
        server.stop()
    report.show(options.json)
    return 0


@contextmanager
def served(config: Config) -> Iterator[str]:
    """The dashboard's address, while it runs."""
    hub = Hub()
    server = Server(uvicorn.Config(create_app(config, hub=hub), port=0, log_config=None, access_log=False, server_header=False), hub)  # fmt: skip
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


async def signed_in(config: Config, address: str) -> str:
    """The owner's session, as a Cookie header."""
    database = Database(config.database_url, size=1)
    await database.open()
    try:
        async with database.session() as session:
            token = await new_sign_in(session, await local_owner(session))
    finally:
        await database.close()
    async with httpx.AsyncClient(base_url=address) as client:
        await client.get(f"/sign-in/{token}")
        return f"sfa_session={client.cookies['sfa_session']}"


def sizes(report: Report, address: str, cookie: str, pages: dict[str, str]) -> None:
    """What each page's own text weighs, compressed."""
    for name, path in pages.items():
        answer = httpx.get(address + path, headers={"cookie": cookie} if name != "sign-in" else {})
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}")
        report.add(f"{name}, text", SFA, len(gzip.compress(answer.content, 6)) / 1024, "KB")


def judged(
    report: Report, address: str, cookie: str, pages: dict[str, str], forms: list[str], rounds: int, keep: Path
) -> None:  # fmt: skip
    """Lighthouse's scores, and what cost points."""
    try:
        node, place = LIGHTHOUSE.install()
        if not CHROMIUM.exists():
            raise Unavailable(f"lighthouse: there is no {CHROMIUM} (apt-get install chromium)")
    except Unavailable as reason:
        report.note(str(reason))
        return
    for form in forms:
        for name, path in pages.items():
            for number in range(rounds):
                say(f"{form}: {name}")
                report.calibration.take()
                out = keep / f"{name}-{form}-{number}.json"
                command = [
                    node, str(place / "cli/index.js"), address + path, "--quiet", "--output=json", f"--output-path={out}",
                    f"--chrome-flags={FLAGS}", f"--max-wait-for-load={LOAD_MS}", f"--only-categories={','.join(CATEGORIES)}",
                    *(["--preset=desktop"] if form == "desktop" else []),
                    *([] if name == "sign-in" else [f"--extra-headers={json.dumps({'Cookie': cookie})}"]),
                ]  # fmt: skip
                environment = {"CHROME_PATH": str(CHROMIUM), "PATH": "/usr/bin:/bin", "HOME": str(keep)}  # fmt: skip
                if wrong := tried(command, environment):
                    report.note(f"{name}, {form}: not judged: {wrong}")
                    continue
                found = json.loads(out.read_text())
                for category in CATEGORIES:
                    score = round(100 * (found["categories"][category]["score"] or 0))
                    report.add(f"{name}, {form}, {category}", SFA, score, "")
                for line in complaints(found):
                    report.note(f"{name}, {form}: {line}")


def tried(command: list[str], environment: dict[str, str]) -> str:
    """Run Lighthouse until it succeeds; after `TRIES` times what it said, in a line."""
    said = ""
    for _ in range(TRIES):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=300, check=False, env=environment
        )
        if done.returncode == 0:
            return ""
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[0][:200]
    return said


def complaints(found: dict[str, Any]) -> Iterator[str]:
    """What cost points, the dearest first."""
    for category in CATEGORIES:
        lost = [
            (ref["weight"] * (1 - audit["score"]), audit)
            for ref in found["categories"][category]["auditRefs"]
            if (audit := found["audits"][ref["id"]])["score"] is not None
            and audit["score"] < 0.9
            and ref["weight"] > 0
        ]
        for _, audit in sorted(lost, key=lambda pair: -pair[0]):
            yield f"{category}: {audit['title']} {audit.get('displayValue', '')}".strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
