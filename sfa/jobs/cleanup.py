"""Clean up, once a day or when asked: rows whose time is over by rule, files without rows, rows without files.

Nothing goes at once. A row that a rule finds is noted, and goes when its grace is over and the rule still says so
(see migration 0073; ``sfa_keep`` takes it out). A file that no row knows, and that is a day old, is moved to
``quarantine/`` and removed a week later; ``quarantine_restore`` brings it back. A row whose file is gone stays: it is
reported, with its track's title. What a row points at is never removed: whoever writes a file makes its row first.
With ``dry_run`` it only looks. Each run leaves a report, and administrators hear of what was removed or is missing.
Limits: it lists the whole store (a million keys take some 200 MB while it runs).
"""

from __future__ import annotations

import json
import logging
from typing import Any, Final

import procrastinate

from sfa.jobs import standalone
from sfa.jobs.resources import Resources
from sfa.objects import sweep
from sfa.queue.app import app

log = logging.getLogger(__name__)

QUARANTINE: Final = "quarantine/"
QUARANTINE_DAYS: Final = 7
YOUNG_SECONDS: Final = 86_400.0
SHOWN: Final = 20
PAGE: Final = 1000


@app.task(
    name="cleanup", queue="default", queueing_lock="cleanup", lock="cleanup", pass_context=True
)
async def cleanup(context: procrastinate.JobContext, dry_run: bool = False) -> None:
    """Run once; the report is a row of ``cleanup_reports``."""
    resources = await standalone.shared(context)
    async with resources.db.session() as session:
        rules = await session.all("cleanup_expired" if dry_run else "cleanup_expire")
    report: dict[str, Any] = {"rules": {row.pop("kind"): row for row in rules}}
    if not dry_run:
        report["objects"] = await sweep(resources.db, resources.store)
    here, report["orphans"] = await _orphans(resources, dry_run)
    report["missing"] = await _missing(resources, here)
    if not dry_run:
        report["purged"] = await _purge(resources)
    await _tell(resources, dry_run, report)


@app.task(name="quarantine_restore", queue="default", pass_context=True)
async def quarantine_restore(context: procrastinate.JobContext, key: str) -> None:
    """Bring a file back from quarantine to where it was."""
    resources = await standalone.shared(context)
    await resources.store.rename(QUARANTINE + key, key)
    async with resources.db.session() as session:
        await session.run("quarantine_drop", key=key)


async def _orphans(resources: Resources, dry_run: bool) -> tuple[set[str], dict[str, Any]]:
    """What lies in the store; and of it, what no row knows, moved into quarantine."""
    here: set[str] = set()
    found: dict[str, Any] = {"count": 0, "bytes": 0, "some": []}
    async for page in resources.store.listing():
        files = {entry.key: entry for entry in page if not entry.key.startswith(QUARANTINE)}
        here.update(files)
        old = [key for key, entry in files.items() if entry.age > YOUNG_SECONDS]
        async with resources.db.session() as session:
            # Asked after the file was seen: a row that was made since then counts.
            unknown = [row["key"] for row in await session.all("cleanup_unknown", keys=old)]
        for key in unknown:
            found["count"] += 1
            found["bytes"] += files[key].bytes
            found["some"] = [*found["some"], key][:SHOWN]
            if not dry_run:
                await resources.store.rename(key, QUARANTINE + key)
                async with resources.db.session() as session:
                    await session.run(
                        "quarantine_add", key=key, bytes=files[key].bytes, days=QUARANTINE_DAYS
                    )
    return here, found


async def _missing(resources: Resources, here: set[str]) -> dict[str, Any]:
    """What rows name and the store has not."""
    found: dict[str, Any] = {"count": 0, "some": []}
    after = ""
    while True:
        async with resources.db.session() as session:
            rows = await session.all("cleanup_needed", after=after, size=PAGE)
        for row in rows:
            # Looked at once more: it may have been written since the listing.
            if row["key"] not in here and not await resources.store.exists(row["key"]):
                found["count"] += 1
                found["some"] = [*found["some"], row][:SHOWN]
        if len(rows) < PAGE:
            return found
        after = rows[-1]["key"]


async def _purge(resources: Resources) -> dict[str, int]:
    """Remove what has been in quarantine long enough."""
    purged = {"count": 0, "bytes": 0}
    while True:
        async with resources.db.session() as session:
            due = await session.all("quarantine_due")
            for row in due:
                await resources.store.delete(QUARANTINE + row["key"])
                await session.run("quarantine_drop", key=row["key"])
                purged["count"] += 1
                purged["bytes"] += row["bytes"]
        if not due:
            return purged


async def _tell(resources: Resources, dry_run: bool, report: dict[str, Any]) -> None:
    removed = sum(row["removed"] for row in report["rules"].values())
    parts = [
        f"{removed} rows removed by rule" if removed else "",
        f"{report['orphans']['count']} files without a row are in quarantine for {QUARANTINE_DAYS} days"
        if report["orphans"]["count"]
        else "",
        f"{report['missing']['count']} files are missing" if report["missing"]["count"] else "",
    ]
    body = "; ".join(part for part in parts if part)
    worth = bool(body) and not dry_run
    async with resources.db.session() as session:
        await session.one(
            "cleanup_report", dry_run=dry_run, report=json.dumps(report),
            title="Cleaned up" if worth else None, body=body,
        )  # fmt: skip
    log.info("cleanup%s: %s", " (dry run)" if dry_run else "", body or "nothing to do")
