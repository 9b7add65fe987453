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
        base, per_second: the hard limit is ``base`` + ``per_second`` × the audio's seconds.
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

    def hard_limit(self, duration_ms: int | None) -> float:
        """Seconds an attempt may take for audio of that length; of unknown length: as for an hour."""
        return self.base + self.per_second * (3600.0 if duration_ms is None else duration_ms / 1000)

    def retry_in(self, attempt: int, kind: str) -> float:
        """Seconds until the next try after ``attempt`` failed ones, with ±20 % of jitter.

        A lack of resources passes more slowly than a mishap: it waits six times as long.
        """
        seconds = self.backoff * 2.0 ** max(0, attempt - 1) * (6 if kind == "resource" else 1)
        return min(seconds, self.cap) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret


DOWNLOAD = Kind(
    name="download", port="analyzer", max_attempts=3, stall=120, base=3600, per_second=0
)
PROCESSING = Kind(
    name="processing", port="demucs_runner", max_attempts=2, stall=900, base=900, per_second=60
)
ANALYSIS = Kind(name="analysis", port="analyzer", max_attempts=2, stall=120, base=300, per_second=2)

KINDS = {kind.name: kind for kind in (DOWNLOAD, PROCESSING, ANALYSIS)}
