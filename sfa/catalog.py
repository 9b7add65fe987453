"""List the kinds of job: the port each calls, and how long it may take.

Pure data. The queue and the table of a kind, and how often and when it is tried again, are rows of ``job_kinds``, where
SQL needs them; a test holds the two lists against each other.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of job.

    Options:
        name: the Procrastinate task's name.
        port: the port it calls; empty: none.
        stall: seconds without progress after which its child is ended.
        base, per_second: the hard limit is ``base`` + ``per_second`` × the audio's seconds, times what the
            model costs, over what the device is worth (`COSTS`, `SPEEDS`).
    """

    name: str
    port: str
    stall: float
    base: float
    per_second: float

    def hard_limit(
        self, duration_ms: int | None, model: str | None = None, device: str = "cpu"
    ) -> float:
        """Seconds an attempt may take for audio of that length; of unknown length: as for an hour."""
        seconds = 3600.0 if duration_ms is None else duration_ms / 1000
        cost = COSTS.get(model or "", 1.0) / SPEEDS.get(device.partition(":")[0], 1.0)
        return self.base + self.per_second * seconds * cost


# What a model costs, htdemucs being 1 (bags of four networks cost four times as much), and what a device is worth.
COSTS = {"htdemucs_ft": 4.0, "mdx_extra": 4.0, "htdemucs_6s": 1.5, "spectral": 0.25}
SPEEDS = {"cpu": 1.0, "cuda": 8.0, "mps": 3.0}

DOWNLOAD = Kind(name="download", port="analyzer", stall=120, base=3600, per_second=0)
PROCESSING = Kind(name="processing", port="demucs_runner", stall=900, base=900, per_second=30)
ANALYSIS = Kind(name="analysis", port="analyzer", stall=120, base=300, per_second=2)
# Cues are worked out from the analysis in the worker itself.
AUTO_CUE = Kind(name="auto_cue", port="", stall=60, base=60, per_second=0)

# It reads and encodes, a stem after the other; hours of six stems as a .stem.mp4 included.
EXPORT = Kind(name="export", port="exporter", stall=300, base=300, per_second=2)

# An import that is told to wait is put off, which costs no attempt: five are for errors.
IMPORT = Kind(name="import", port="", stall=120, base=3600, per_second=0)

LALALAI = Kind(name="lalalai", port="analyzer", stall=120, base=600, per_second=2)
COVERS = Kind(name="covers", port="batch_cover_art", stall=120, base=3600, per_second=0)

MAIL = Kind(name="mail", port="", stall=60, base=120, per_second=0)

KINDS = {
    kind.name: kind
    for kind in (DOWNLOAD, PROCESSING, ANALYSIS, AUTO_CUE, EXPORT, IMPORT, COVERS, LALALAI, MAIL)
}
