"""List the kinds of job: the port each calls, how long it may take, and how it is tried again.

Pure data. The queue, the table and the budgets of a kind are rows of ``job_kinds``, where SQL needs them; a test
holds the two lists against each other.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of job.

    Options:
        name: the Procrastinate task's name.
        port: the port it calls; empty: none.
        max_attempts: runs that may end with an error before the job fails.
        stall: seconds without progress after which its child is ended.
        base, per_second: the hard limit is ``base`` + ``per_second`` × the audio's seconds, times what the
            model costs, over what the device is worth (`COSTS`, `SPEEDS`).
        backoff, cap: seconds before the first retry, doubled for each further one up to ``cap``.
    """

    name: str
    port: str
    max_attempts: int
    stall: float
    base: float
    per_second: float
    backoff: float = 5.0
    cap: float = 300.0

    def hard_limit(
        self, duration_ms: int | None, model: str | None = None, device: str = "cpu"
    ) -> float:
        """Seconds an attempt may take for audio of that length; of unknown length: as for an hour."""
        seconds = 3600.0 if duration_ms is None else duration_ms / 1000
        cost = COSTS.get(model or "", 1.0) / SPEEDS.get(device.partition(":")[0], 1.0)
        return self.base + self.per_second * seconds * cost

    def retry_in(self, attempt: int, kind: str) -> float:
        """Seconds until the next try after ``attempt`` failed ones, with ±20 % of jitter.

        A lack of resources passes more slowly than a mishap: it waits six times as long.
        """
        seconds = self.backoff * 2.0 ** max(0, attempt - 1) * (6 if kind == "resource" else 1)
        return min(seconds, self.cap) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret


# What a model costs, htdemucs being 1 (bags of four networks cost four times as much), and what a device is worth.
COSTS = {"htdemucs_ft": 4.0, "mdx_extra": 4.0, "htdemucs_6s": 1.5, "spectral": 0.25}
SPEEDS = {"cpu": 1.0, "cuda": 8.0, "mps": 3.0}

DOWNLOAD = Kind(
    name="download", port="analyzer", max_attempts=3, stall=120, base=3600, per_second=0
)
PROCESSING = Kind(
    name="processing", port="demucs_runner", max_attempts=2, stall=900, base=900, per_second=30
)
ANALYSIS = Kind(name="analysis", port="analyzer", max_attempts=2, stall=120, base=300, per_second=2)
# Cues are worked out from the analysis in the worker itself.
AUTO_CUE = Kind(name="auto_cue", port="", max_attempts=3, stall=60, base=60, per_second=0)

# It reads and encodes, a stem after the other; hours of six stems as a .stem.mp4 included.
EXPORT = Kind(name="export", port="exporter", max_attempts=2, stall=300, base=300, per_second=2)

# An import that is told to wait is put off, which costs no attempt: five are for errors.
IMPORT = Kind(name="import", port="", max_attempts=5, stall=120, base=3600, per_second=0)

# Faults of the network and the service: 30 s, doubling to ten minutes.
LALALAI = Kind(
    name="lalalai", port="analyzer", max_attempts=10, stall=120, base=600, per_second=2,
    backoff=30, cap=600,
)  # fmt: skip

COVERS = Kind(
    name="covers", port="batch_cover_art", max_attempts=3, stall=120, base=3600, per_second=0
)

KINDS = {
    kind.name: kind
    for kind in (DOWNLOAD, PROCESSING, ANALYSIS, AUTO_CUE, EXPORT, IMPORT, COVERS, LALALAI)
}
