"""Look at this host and at the store: what /metrics and the Health page say beside the database's own words.

Limit: the host is the web's; workers elsewhere report through the database. Looking at a slow disk is bounded by a thread.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

import psutil
from anyio import to_thread

from sfa.config import Config


@dataclass(frozen=True, slots=True)
class Vitals:
    """Figures of the host; bytes, and the load of the last minute."""

    cpus: int
    load: float
    memory: int
    memory_free: int
    disk: int | None
    disk_free: int | None

    @property
    def disk_low(self) -> bool:
        """Whether the next uploads may not fit."""
        return self.disk_free is not None and self.disk_free < 5 << 30


async def vitals(config: Config) -> Vitals:
    """The figures as of now; of the disk only where the store is a folder."""
    return await to_thread.run_sync(_look, config)


def _look(config: Config) -> Vitals:
    memory = psutil.virtual_memory()
    disk = None
    if "://" not in config.store_address:
        folder = config.store_address if os.path.isdir(config.store_address) else str(config.var)  # noqa: PTH112
        try:
            disk = shutil.disk_usage(folder)
        except OSError:
            disk = None
    return Vitals(
        cpus=os.cpu_count() or 1,
        load=os.getloadavg()[0],
        memory=memory.total,
        memory_free=memory.available,
        disk=disk.total if disk else None,
        disk_free=disk.free if disk else None,
    )
