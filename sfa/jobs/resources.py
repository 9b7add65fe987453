"""Give the jobs of one worker what they share: database, store, configuration, and the ports' pools."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sfa import spotdl
from sfa.config import Config
from sfa.db import Database
from sfa.errors import DatabaseUnavailable, InputError
from sfa.ports import memory
from sfa.ports.pool import Pool
from sfa.ports.process import tidy
from sfa.ports.report import Report
from sfa.ports.spec import PortSpec
from sfa.ports.supervisor import Supervisor
from sfa.queue.checkpoint import Checkpoints
from sfa.queue.progress import ProgressWriter
from sfa.queue.words import Words
from sfa.store import Store

log = logging.getLogger(__name__)

PROGRAMS = {
    "analyzer": "sfa.ports.children.analyzer",
    "batch_cover_art": "sfa.ports.children.batch_cover_art",
    "audio_check": "sfa.ports.children.audio_check",
    "demucs_runner": "sfa.ports.children.demucs_runner",
    "exporter": "sfa.ports.children.exporter",
    "spotify_dl": "sfa.ports.children.spotify_dl",
}
MISSING = (
    "spotdl's environment is not there, so that recordings of Spotify's tracks can't be fetched: run bin/setup, give the"
    " address of an audio file as audio_address, or upload the file"
)
IN_SPOTDL = frozenset({"batch_cover_art", "spotify_dl"})
ON_GPU = frozenset({"demucs_runner"})
AHEAD = {"processing": "demucs_runner", "analysis": "analyzer"}
"""The port that nearly every job of a queue needs, for children that are started before the first one comes."""


def gpus() -> list[str]:
    """The machine's GPUs, as torch names them; looked for without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [f"cuda:{n}" for n, _ in enumerate(filter(None, visible.split(",")))]
    return [f"cuda:{n}" for n, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


def offers() -> dict[str, float]:
    """What this host has for jobs that need it: cores, gigabytes of memory (the container's, where it has a limit), GPUs."""
    found = {"cores": float(os.cpu_count() or 1)}
    sizes = []
    for path, pattern in (
        ("/proc/meminfo", r"MemTotal:\s+(\d+) kB"),
        ("/sys/fs/cgroup/memory.max", r"^(\d+)$"),
    ):
        with contextlib.suppress(OSError):
            if match := re.search(pattern, Path(path).read_text(), re.MULTILINE):
                sizes.append(int(match[1]) * (1024 if "kB" in pattern else 1))
    if sizes:
        found["memory_gb"] = round(min(sizes) / 1e9, 1)
    if count := len(gpus()):
        found["gpu"] = float(count)
    return found


# A network's tensors stay with the process, in large pages, instead of being mapped and zeroed anew for each layer:
# a fifth less processor time, the same bits.
_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


def environment(port: str, device: str, slots: int) -> dict[str, str]:
    """What a port's child gets beside the worker's own environment."""
    # More threads than cores in all is the worst trap there is: three to five times slower.
    # Separations share the cores themselves, with every segment anew (`children.cores`): a lone one has them all.
    share = 1 if port == "demucs_runner" else slots
    threads = str(max(1, (os.cpu_count() or 1) // share))
    # The analyzer's products are too small to be shared; a second thread of its own does half of the reading (`children.beside`).
    products = "1" if port == "analyzer" else threads
    return {
        **({} if device.startswith("cuda") else {"CUDA_VISIBLE_DEVICES": ""}),
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": products,
        "MKL_NUM_THREADS": products,
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
        **(_ALLOCATOR if port == "demucs_runner" else {}),
        # Loaded models, of all children together: a third of the machine's memory.
        **({"SFA_SHELF_MB": str(memory.total() // 3 // slots >> 20)} if memory.total() else {}),
    }


class Resources:
    """What a worker's jobs share.

    Options:
        name: the worker's name, for the record of its children.
        slots: jobs that run at a time; the children share the cores accordingly.
        on_escalate: called when a pool's children die faster than it may replace them.
    """

    def __init__(
        self, config: Config, db: Database, store: Store, *, name: str, slots: int, on_escalate: Callable[[str], None]
    ) -> None:  # fmt: skip
        self.config = config
        self.db = db
        self.store = store
        self.progress = ProgressWriter(db)
        self.words = Words(db)
        self.checkpoints = Checkpoints(db)
        self.background: asyncio.Task[None] | None = None
        self._name = name
        self._slots = slots
        self._on_escalate = on_escalate
        self._pools: dict[str, Pool] = {}
        self._report = Report()
        self._events: list[tuple[str, int, str, Mapping[str, Any]]] = []

    def devices(self, port: str) -> list[str]:
        """Where a port's calls may run, the best first: what lacks the memory goes to the next."""
        found = gpus() if port in ON_GPU else []
        return [*found[:1], "cpu"]

    async def pool(self, port: str, device: str = "cpu") -> Pool:
        """The pool of a port on a device, made with its first use."""
        name = f"{port}/{device}"
        if name not in self._pools:
            pool = Pool(
                self._spec(port, device),
                # The queue's limit, which can be raised while the worker runs, decides how many calls there are.
                size=1000,
                grace=self.config.grace_seconds,
                on_event=lambda *event: self._events.append(event),
                on_escalate=self._on_escalate,
            )
            self._pools[name] = pool
            await pool.start()
        return self._pools[name]

    async def make_ready(self, queue: str) -> None:
        """Begin to start the children that the settings want kept ready for a queue's jobs; jobs need not wait for them."""
        if self.config.children_ready and (port := AHEAD.get(queue)):
            await self.pool(port, self.devices(port)[0])

    async def report(self, worker: int, supervisor: Supervisor) -> None:
        """Write what the children do into the tree, where it has changed."""
        tidy()
        found = self._report.due(supervisor, self._pools)
        if found is None:
            return
        try:
            async with self.db.session() as session:
                await session.run("tree_report", worker=worker, **found)
        except DatabaseUnavailable:
            self._report.again()

    async def close(self) -> None:
        """End every child and write what is left to tell of them."""
        for pool in self._pools.values():
            await pool.stop()
        await self.write_events()

    async def write_events(self) -> None:
        """Record what happened to the children since the last time."""
        batch, self._events = self._events, []
        if not batch:
            return
        try:
            async with self.db.session() as session:
                await session.run(
                    "attempt_events",
                    worker=self._name,
                    ports=[port for port, _, _, _ in batch],
                    pids=[pid for _, pid, _, _ in batch],
                    events=[event for _, _, event, _ in batch],
                    details=[json.dumps(detail) for _, _, _, detail in batch],
                )
        except DatabaseUnavailable:
            self._events = batch[-1000:] + self._events

    def _spec(self, port: str, device: str) -> PortSpec:
        return PortSpec(
            name=port,
            command=self._command(port),
            device=device,
            env=environment(port, device, self._slots),
            min_idle=self.config.children_ready if port in AHEAD.values() else 0,
        )

    def _command(self, port: str) -> tuple[str, ...]:
        if port not in IN_SPOTDL:
            return (sys.executable, "-m", PROGRAMS[port])
        python = spotdl.interpreter(self.config)
        if python is None:
            raise InputError(MISSING)
        return spotdl.command(python, PROGRAMS[port])
