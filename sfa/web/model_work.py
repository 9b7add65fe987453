"""Fetch and verify models for the page: in the background of this process, one piece of work a model, told as it goes.

What was fetched in part stays and is gone on with, here or by a worker (`sfa.weights`). Limit: it is this host's folder;
workers on other hosts have their own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from sfa import weights
from sfa.config import Config
from sfa.errors import SfaError
from sfa.web.languages import gettext as _

VERBS = ("fetch", "verify")
TELL_SECONDS = 0.25


@dataclass(slots=True)
class Work:
    """What is done with a model, how far it is, and how it ended."""

    verb: str
    done: int = 0
    total: int = 0
    ended: bool = False
    error: str = ""
    said: str = ""

    @property
    def percent(self) -> float:
        """Of the bytes; 0 as long as their number is unknown."""
        return 100 * self.done / self.total if self.total else 0.0


class ModelWork:
    """What is going on with each model; ``tell`` is called whenever that has changed."""

    def __init__(self, config: Config, tell: Callable[[], None]) -> None:
        self._config = config
        self._tell = tell
        self._told = 0.0
        self.state: dict[str, Work] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, verb: str, name: str) -> bool:
        """Start it; False: something is going on with this model already."""
        if name in self.state and not self.state[name].ended:
            return False
        work = self.state[name] = Work(verb)
        task = asyncio.create_task(self._run(work, name), name=f"{verb} {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._tell()
        return True

    async def stop(self) -> None:
        """End what is going on; what was fetched in part stays."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, work: Work, name: str) -> None:
        folder = self._config.models_folder

        def progress(done: int, total: int) -> None:
            work.done, work.total = done, total
            if time.monotonic() - self._told >= TELL_SECONDS:
                self._told = time.monotonic()
                self._tell()

        try:
            if work.verb == "fetch":
                await weights.fetch(name, folder, progress, self._config.weights_url)
                work.said = _("Fetched, and every file has the hash that it should have.")
            else:
                bad = await asyncio.to_thread(weights.damaged, name, folder)
                if bad:
                    work.error = _("Damaged: %(files)s. Remove them and fetch the model again.") % {
                        "files": ", ".join(bad)
                    }
                else:
                    work.said = _("Every file has the hash that stands in its name.")
        except SfaError as error:
            work.error = str(error)
        except OSError as error:
            work.error = error.strerror or type(error).__name__
        finally:
            work.ended = True
            self._tell()
