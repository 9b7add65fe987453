"""Put a worker's supervisors, pools and children into rows for ``sfa_tree``, as often as they change.

Memory alone is no change: it is written every ``SECONDS`` at least, together with everything else.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from sfa.ports import memory
from sfa.ports.pool import Pool
from sfa.ports.port import Port
from sfa.ports.supervisor import Intensity, Supervisor

SECONDS = 10.0


class Report:
    """What was written last, and when."""

    def __init__(self) -> None:
        self._written = 0.0
        self._last = ""

    def due(self, supervisor: Supervisor, pools: Mapping[str, Pool]) -> dict[str, Any] | None:
        """The parameters of ``tree_report``, or None where there is nothing new to say."""
        rows = [
            _row("services", supervisor.strategy.value, None, supervisor.intensity),
            *(_row(name, "one_for_one", pool.size, pool.intensity) for name, pool in pools.items()),
        ]
        children = {
            port.process.pid: _child(port, state, pool)
            for pool in pools.values()
            for port, state in pool.ports
        }
        last = json.dumps([rows, list(children.values())])
        now = time.monotonic()
        changed = last != self._last
        if not changed and now - self._written < SECONDS:
            return None
        self._last, self._written = last, now
        for pool in pools.values():
            for port, _ in pool.ports:
                children[port.process.pid] |= {"rss": port.resident(), "age": port.age}
        rows[0]["rss"] = memory.resident(os.getpid())
        return {
            "supervisors": json.dumps(rows),
            "children": json.dumps(list(children.values())),
            "changed": changed,
        }

    def again(self) -> None:
        """It could not be written."""
        self._last = ""


def _row(name: str, strategy: str, size: int | None, intensity: Intensity) -> dict[str, Any]:
    return {
        "name": name,
        "strategy": strategy,
        "size": size,
        "restarts": intensity.count,
        "max_restarts": intensity.max_restarts,
        "window_seconds": intensity.seconds,
    }


def _child(port: Port, state: str, pool: Pool) -> dict[str, Any]:
    return {
        "pid": port.process.pid,
        "port": port.spec.name,
        "device": pool.spec.device,
        "state": state,
        "calls": port.calls,
        "queue_job_id": port.job,
    }
