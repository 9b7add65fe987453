"""Show jobs on the terminal until they have ended; Ctrl-C cancels them.

Limit: of more than a screenful only those that run, are about to, or failed have a line of their own.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence

from sfa.db import Row
from sfa.terminal import Board, Line
from sfa.watch import ENDED, Watch

SCREENFUL = 12

_NAMES = {
    "processing": "separate ({detail})",
    "analysis": "analyse",
    "download": "download",
    "import": "import",
    "export": "export ({detail})",
}


async def follow(watch: Watch) -> bool:
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
        board.update(lines(jobs))


def lines(jobs: Sequence[Row]) -> list[Line]:
    """A line a job, or what matters of many and how far the whole is."""
    if len(jobs) <= SCREENFUL:
        return [_line(job) for job in jobs]
    ended = sum(job["status"] in ENDED for job in jobs)
    failed = sum(job["status"] == "failed" for job in jobs)
    told = [job for job in jobs if job["status"] in ("running", "retrying")]
    status = "completed" if ended == len(jobs) else "running"
    elapsed = max((float(job["elapsed"] or 0) for job in jobs), default=0.0)
    stage = f"{ended} of {len(jobs)} jobs" + (f", {failed} failed" if failed else "")
    whole = Line("all", status, 100 * ended / len(jobs), stage, 0 if status == "running" else elapsed)  # fmt: skip
    return [*(_line(job) for job in told[:SCREENFUL]), whole]


def _line(job: Row) -> Line:
    stage = job["error"] if job["status"] in ("failed", "retrying") else job["stage"]
    if job["status"] == "running" and stage:
        stage = stage.partition(",")[0]  # the board says itself how fast it goes
    if job["status"] == "retrying" and job["starts_in"]:
        stage = f"in {max(0, round(job['starts_in']))} s: {stage}"
    name = _NAMES.get(job["kind"], "{kind}").format(**job)
    if job.get("title") and job["kind"] != "import":
        name = f"{name[:10]} {job['title']}"
    return Line(
        name=name[:22],
        status=job["status"],
        percent=float(job["progress"]),
        stage=stage or "",
        elapsed=float(job["elapsed"] or 0),
    )
