"""Draw the state machine of a job once: which status may follow which, and which queue status it mirrors."""

from __future__ import annotations

import enum


class Status(enum.StrEnum):
    """A job's status, as the type ``job_status`` of the database."""

    WAITING = "waiting"
    RUNNING = "running"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.WAITING: frozenset({Status.RUNNING, Status.CANCELLED}),
    Status.RUNNING: frozenset(
        {Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.RETRYING, Status.WAITING}
    ),
    Status.RETRYING: frozenset({Status.RUNNING, Status.CANCELLED, Status.WAITING}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset({Status.WAITING}),
    Status.CANCELLED: frozenset({Status.WAITING}),
}
"""What may follow what. Running to waiting is a release (a deploy); failed or cancelled to waiting is `sfa_retry`."""
