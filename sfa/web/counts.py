"""Count what this process answers, in its memory."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector


class Requests:
    """What this process has answered."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.seconds = Histogram(
            "sfa_http_request_seconds",
            "Until the last byte of an answer, streams left out",
            ["kind", "status"],
            registry=self.registry,
            buckets=(0.005, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
        )
        self.failures = Counter(
            "sfa_http_failures", "Answers of 500 and above", ["kind"], registry=self.registry
        )
        self.streams = Gauge(
            "sfa_streams", "Pages and programs that listen", registry=self.registry
        )
        ProcessCollector(registry=self.registry)
