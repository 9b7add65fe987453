"""Say in Prometheus' words what the queues, the attempts, the ports, the programs, this host and this process do.

Counters of attempts survive the attempts (migration 0059_metrics); requests are counted in the memory of this process.
Limits: counts of waiting jobs stop at 10,000; the host's figures are the web's host's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from sfa.db import Row, Session
from sfa.web.counts import Requests
from sfa.web.vitals import Vitals

BOUNDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400)


async def gathered(session: Session) -> dict[str, Any]:
    """What the database says."""
    await session.one("metrics_roll")
    return {
        "queues": await session.all("page_health"),
        "waits": await session.all("metrics_queues"),
        "attempts": await session.all("metrics_attempts"),
        "ports": await session.all("metrics_ports"),
        "removed": await session.all("metrics_removed"),
        "programs": await session.all("metrics_programs"),
        "database": await session.one("metrics_database"),
    }


class Facts(Collector):
    """What was gathered, as metrics; without the database only that it is away."""

    def __init__(self, found: dict[str, Any] | None, host: Vitals) -> None:
        self.found = found
        self.host = host

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        yield GaugeMetricFamily(
            "sfa_database_up", "Whether the database answers", value=float(self.found is not None)
        )
        yield from self._host()
        if self.found is not None:
            yield from self._queues(self.found["queues"], self.found["waits"])
            yield from self._attempts(self.found["attempts"])
            yield from self._ports()
            yield from self._database(self.found["database"])

    def _host(self) -> Iterator[Metric]:
        host = self.host
        for name, text, value in (
            ("cpus", "Processors", host.cpus),
            ("load1", "Load of the last minute", host.load),
            ("memory_bytes", "Memory", host.memory),
            ("memory_available_bytes", "Memory that can be had", host.memory_free),
            ("store_bytes", "Size of the disk under the store", host.disk),
            ("store_free_bytes", "Room on the disk under the store", host.disk_free),
        ):
            if value is not None:
                yield GaugeMetricFamily(f"sfa_host_{name}", text, value=float(value))

    def _queues(self, queues: list[Row], waits: list[Row]) -> Iterator[Metric]:
        jobs = GaugeMetricFamily(
            "sfa_queue_jobs",
            "Jobs that have not ended; waiting ones up to 10,000",
            labels=["queue", "state"],
        )
        for queue in queues:
            for state in ("ready", "scheduled", "running"):
                jobs.add_metric([queue["name"], state], float(queue[state]))
        yield jobs
        for name, text in (
            ("workers", "Workers that were seen in the last half minute"),
            ("concurrency", "Jobs that a worker runs at a time"),
            ("paused", "Whether the queue is paused"),
        ):
            yield _gauge(
                f"sfa_queue_{name}", text, ("queue",), (([q["name"]], q[name]) for q in queues)
            )
        rows = (([row["name"]], row["seconds"]) for row in waits)
        text = "How long the job that is next has been waiting"
        yield _gauge("sfa_queue_next_wait_seconds", text, ("queue",), rows)

    def _attempts(self, rows: list[Row]) -> Iterator[Metric]:
        counts: dict[tuple[str, str], list[int]] = {}
        seconds: dict[tuple[str, str], float] = {}
        for row in rows:
            key = (row["kind"], row["verdict"])
            counts.setdefault(key, [0] * (len(BOUNDS) + 1))[row["bucket"]] += row["attempts"]
            seconds[key] = seconds.get(key, 0.0) + float(row["seconds"])
        total = CounterMetricFamily(
            "sfa_attempts", "Attempts that have ended", labels=["kind", "verdict"]
        )
        spent = HistogramMetricFamily(
            "sfa_attempt_seconds", "How long attempts took", labels=["kind", "verdict"]
        )
        for key, each in counts.items():
            total.add_metric(key, float(sum(each)))
            so_far, buckets = 0, []
            for bound, count in zip([*map(str, map(float, BOUNDS)), "+Inf"], each, strict=True):
                so_far += count
                buckets.append((bound, float(so_far)))
            spent.add_metric(key, buckets, seconds[key])
        yield total
        yield spent

    def _ports(self) -> Iterator[Metric]:
        assert self.found is not None
        labels = ("port", "device", "state")
        for name, text, column in (
            ("sfa_port_children", "Children that run", "children"),
            ("sfa_port_rss_bytes", "Memory that they hold", "rss"),
        ):
            rows = (([p[x] for x in labels], p[column]) for p in self.found["ports"])
            yield _gauge(name, text, labels, rows)
        yield _gauge(
            "sfa_port_removed_last_hour", "Children that were removed within the last hour",
            ("port", "reason"), (([r["port"], r["reason"]], r["children"]) for r in self.found["removed"]),
        )  # fmt: skip
        programs = self.found["programs"]
        yield _gauge(
            "sfa_program_up", "Whether supervisord's program runs", ("host", "program"),
            (([p["host"], p["name"]], p["state"] == "RUNNING") for p in programs),
        )  # fmt: skip
        yield _gauge(
            "sfa_program_restarts", "Unexpected ends within the listener's window", ("host", "program"),
            (([p["host"], p["name"]], p["restarts"]) for p in programs),
        )  # fmt: skip

    def _database(self, row: Row) -> Iterator[Metric]:
        for name, text, column in (
            ("bytes", "Size of the database", "bytes"),
            ("connections", "Connections to it", "connections"),
            ("connections_most", "Connections that its server allows", "most_connections"),
            ("up_seconds", "How long its server has been up", "up"),
        ):
            yield GaugeMetricFamily(f"sfa_database_{name}", text, value=float(row[column]))


def _gauge(
    name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[list[str], Any]]
) -> Metric:
    made = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        made.add_metric(values, float(value))
    return made


def exposition(requests: Requests, facts: Facts) -> bytes:
    """The whole text."""
    registry = CollectorRegistry()
    registry.register(facts)
    return bytes(generate_latest(registry) + generate_latest(requests.registry))
