"""Keep the pieces of stems that are still growing, so that a page can play what is done.

The child writes a little FLAC a stem and piece and names the piece in its checkpoint; here they become objects and rows
(`stem_pieces`), in order and without a gap: what an attempt that was killed left behind is taken up by the next one on
the same host. Pieces go when their job has ended. A piece that can't be kept is only not heard: the separation goes on.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sfa.db import Session
from sfa.errors import SfaError
from sfa.jobs.runner import Run

log = logging.getLogger(__name__)

NAME: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)\.(\d+)\.(\w+)\.flac")
"""A piece's file: number, first frame, frames, sample rate, stem."""


class Pieces:
    """The pieces of one attempt; a context manager. ``folder`` is where its child lets the stems grow."""

    def __init__(self, work: Run, folder: Path) -> None:
        self._work = work
        self._folder = folder / "pieces"
        self._told = -1
        self._woken = asyncio.Event()

    async def __aenter__(self) -> Pieces:
        self._work.on_checkpoint = self._heard
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._work.on_checkpoint = None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    def _heard(self, data: Mapping[str, Any]) -> None:
        piece = data.get("piece")
        if isinstance(piece, Mapping) and isinstance(piece.get("number"), int):
            self._told = max(self._told, piece["number"])
            self._woken.set()

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._keep(self._told)
            except (SfaError, OSError) as error:
                log.warning("a piece cannot be played: %s", error)

    async def _keep(self, up_to: int) -> None:
        """Keep every piece that lies there whole: those before the last that was told of."""
        found = [
            (match, path)
            for path in await asyncio.to_thread(self._listed)
            if (match := NAME.fullmatch(path.name))
        ]
        whole = [(match, path) for match, path in found if int(match[1]) <= up_to]
        if not whole:
            return
        work, claimed = self._work, self._work.attempt.claimed
        folder = f"pieces/{work.row['track_id']}/{work.row['id']}/{claimed.token.hex[:12]}"
        keys = [f"{folder}/{path.name}" for _, path in whole]
        await work.pin(*keys)
        for key, (_, path) in zip(keys, whole, strict=True):
            # Copied: if this process dies before the row is written, the next attempt finds the file again.
            await work.resources.store.copy_file(key, path)
        async with work.resources.db.session() as session:
            await session.run(
                "piece_add",
                job=work.row["id"],
                token=claimed.token,
                numbers=[int(match[1]) for match, _ in whole],
                firsts=[int(match[2]) for match, _ in whole],
                frames=[int(match[3]) for match, _ in whole],
                rates=[int(match[4]) for match, _ in whole],
                stems=[match[5] for match, _ in whole],
                keys=keys,
            )
        for _, path in whole:
            path.unlink(missing_ok=True)

    def _listed(self) -> list[Path]:
        with suppress(OSError):
            return sorted(self._folder.iterdir())
        return []


async def drop(session: Session, work: Run) -> None:
    """Forget the pieces of a job that has ended; their objects go when the attempt is settled."""
    gone = await session.all("piece_drop", job=work.row["id"])
    work.touched.extend(row["audio_key"] for row in gone)
