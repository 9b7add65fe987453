"""Take an address in from the command line: list what it leads to, let one choose, follow what comes of it.

Spotify's addresses are imports; any other one is a download, which the settings must allow. One track goes on at once.
Of a list one chooses: on a terminal it is asked, elsewhere ``choice`` says it; without a choice the list stays for the
page. What the user has already is linked.

Options: choice – "all", or positions as they are shown: 1-5,8.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sfa.accounts import local_owner
from sfa.db import Database, Row
from sfa.errors import InputError
from sfa.follow import follow
from sfa.spotify_items import names_spotify
from sfa.terminal import clock
from sfa.watch import ENDED, ImportWatch, Watch

_ADDRESS = re.compile(r"(https?://|spotify:|(open|play|www)\.spotify\.com/)", re.IGNORECASE)
SHOWN = 40
MOST = 999_999


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came of an address: the track (one), or the import's counts and items; who owns it."""

    user: int
    cancelled: bool
    track: UUID | None = None
    found: Row | None = None
    items: Sequence[Row] = ()
    jobs: Sequence[Row] = ()

    @property
    def failed(self) -> bool:
        """Whether the import or anything that came of it failed, or all of it can't be had."""
        dead = [item["status"] == "failed" for item in self.items]
        return any(job["status"] == "failed" for job in self.jobs) or (bool(dead) and all(dead))


def address_in(text: str | None) -> str | None:
    """The text, if it is an address and no file."""
    return text if text and _ADDRESS.match(text) and not Path(text).exists() else None


async def arrive(database: Database, address: str, model: str, choice: str) -> Arrival:
    """Import or download what the address leads to, and follow it to its end."""
    async with database.session() as session:
        user = await local_owner(session)
        if not names_spotify(address):
            job = await session.one("download_insert", address=address, user_id=user, model=model)
            assert job is not None
            return Arrival(
                user, await follow(Watch(database, job["track_id"], user)), job["track_id"]
            )
        row = await session.one(
            "import_insert", address=address, user_id=user, choose=True, model=model
        )
        assert row is not None
    watch = ImportWatch(database, row["id"], user)
    cancelled = await follow(watch)
    found, items = await watch.found(), await watch.items()
    if cancelled or found["status"] != "completed":
        return Arrival(user, cancelled, None, found, items, await watch.rows())
    single = len(items) == 1
    if single and items[0]["status"] == "linked":
        await _separate(database, items[0]["track_id"], user, model)
    else:
        chosen = None if single else await _chosen(items, choice)
        if chosen == []:
            return Arrival(user, False, None, found, items)
        async with database.session() as session:
            await session.one("import_choose", id=row["id"], positions=chosen)
    items = await watch.items()
    track = items[0]["track_id"] if single else None
    cancelled = await follow(Watch(database, track, user) if track else watch)
    rows = await watch.rows()
    return Arrival(user, cancelled, track, await watch.found(), await watch.items(), rows)


async def _separate(database: Database, track: UUID, user: int, model: str) -> None:
    """What is there already is separated once more, which links what has been separated before."""
    async with database.session() as session:
        rows = await session.all("job_track", track_id=track, user_id=user)
        if not any(row["kind"] == "processing" and row["status"] not in ENDED for row in rows):
            await session.one(
                "job_separate", track_id=track, model=model, user_id=user, options="{}"
            )


async def _chosen(items: Sequence[Row], choice: str) -> list[int] | None:
    """The positions that are wanted; None: all; []: none yet."""
    _print(items)
    if choice:
        return positions(choice, len(items))
    if not sys.stdin.isatty():
        print("  nothing is downloaded yet: say --choose all, or --choose 1-5,8; or choose on the page", file=sys.stderr)  # fmt: skip
        return []
    while True:
        try:
            text = await asyncio.to_thread(input, "  which? (all, 1-5,8, or nothing) ")
        except EOFError:
            return []
        with suppress(InputError):
            return positions(text, len(items)) if text.strip() else []
        print("  say all, or numbers and ranges: 1-5,8")


def positions(choice: str, length: int) -> list[int] | None:
    """What a choice says, as positions from 0; None: all."""
    if choice.strip().lower() == "all":
        return None
    found: set[int] = set()
    for part in filter(None, (part.strip() for part in choice.split(","))):
        match = re.fullmatch(r"(\d{1,6})(?:\s*-\s*(\d{1,6}))?", part)
        if not match:
            raise InputError(f"{part!r} is no choice: say all, or numbers and ranges, 1-5,8")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= length:
            raise InputError(f"{part!r} is not in the list: it has {length} tracks")
        found.update(range(first - 1, last))
    if not found:
        raise InputError("nothing is chosen: say all, or numbers and ranges, 1-5,8")
    return sorted(found)


def _print(items: Sequence[Row]) -> None:
    for item in items[:SHOWN]:
        length = clock(item["duration_ms"] / 1000) if item["duration_ms"] else ""
        state = item["reason"] or ("you have it" if item["status"] == "linked" else "")
        name = f"{item['title']} – {item['artist']}" if item["artist"] else item["title"]
        print(f"  {item['position'] + 1:>4}  {name[:56]:<56} {length:>6}  {state}".rstrip())
    if len(items) > SHOWN:
        print(f"        … and {len(items) - SHOWN} more")


def report(came: Arrival, dashboard: str, link: str) -> dict[str, Any]:
    """What came of a list, for a program."""
    shown = ("position", "title", "artist", "status", "reason", "track_id")
    return {
        "import": {name: (came.found or {}).get(name) for name in _FACTS},
        "items": [{name: item[name] for name in shown} for item in came.items],
        "dashboard": dashboard,
        "sign_in": link,
    }


_FACTS = ("id", "kind", "title", "status", "error", "notice", "total", "found", "linked", "waiting", "downloaded", "failed")  # fmt: skip


def tell(came: Arrival, link: str) -> None:
    """What came of a list, for a person: the counts, and each failure with its reason."""
    found = came.found or {}
    print(f"\n{found.get('title') or found.get('address')}")
    if found.get("error"):
        print(f"  {found['status']}: {found['error']}")
    if found.get("notice"):
        print(f"  {found['notice']}")
    counts = [f"{found[name]} {word}" for name, word in _COUNTS if found.get(name)]
    print(f"  {', '.join(counts) or 'nothing was found'}")
    for item in came.items:
        if item["status"] in ("failed", "cancelled"):
            print(
                f"  {item['position'] + 1:>4}  {item['title'][:56]}: {item['reason'] or item['status']}"
            )
    for job in came.jobs:
        if job["status"] == "failed" and job["kind"] not in ("download", "import"):
            print(f"  {job['kind']} of {job['title']}: {job['error']}")
    print(f"\nOpen the dashboard (this link works once, for 15 minutes):\n  {link}")
    if found.get("id"):
        print(f"  then /imports/{found['id']}")
    print("Everything keeps running: bin/sfa status · bin/sfa down")


_COUNTS = (("downloaded", "downloaded"), ("linked", "that you had"), ("found", "not chosen"), ("waiting", "on their way"), ("failed", "failed"))  # fmt: skip
