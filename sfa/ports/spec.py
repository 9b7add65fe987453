"""Say what a port is and how long its calls may take: pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSpec:
    """What a port is: its name, the program, and when its children are replaced.

    Options:
        command: the program; any that speaks the protocol.
        env: variables beside the few inherited ones.
        device: where its children compute: "cpu", "cuda:0" …
        start_seconds: from start to hello (60).
        min_idle: children that are started ahead and kept ready (0: the first call starts the first).
        max_calls: calls after which a child is replaced (200).
        max_age: seconds of life after which it is replaced (6 hours).
        max_rss: resident bytes after which it is replaced (6 GB).
        memory_limit: resident bytes at which a call is ended and its child with it (12 GB).
        idle_seconds: idle time after which it is ended, down to ``min_idle`` children (600).
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    start_seconds: float = 60.0
    min_idle: int = 0
    max_calls: int = 200
    max_age: float = 6 * 3600.0
    max_rss: int = 6 << 30
    memory_limit: int = 12 << 30
    idle_seconds: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """The three clocks of a call, in seconds.

    Options:
        silence: without a frame of any kind, from a child that promised heartbeats (30): it is dead, stopped, or
            hangs where not even its heartbeat gets out.
        stall: without progress: it lives and gets nowhere.
        hard: in all.
    """

    silence: float = 30.0
    stall: float
    hard: float
