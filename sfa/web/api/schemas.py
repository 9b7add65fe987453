"""The shapes of what the API takes and gives, as JSON Schema (2020-12): the document shows them, bodies are held to
them, and the tests hold every answer to them."""

from __future__ import annotations

from sfa.web.api.batch_schemas import BATCHES
from sfa.web.api.cue_schemas import CUES
from sfa.web.api.track_schemas import BY_HAND
from sfa.web.api.vocabulary import (
    AFTER,
    COUNT,
    ERROR_KIND,
    ID,
    NEEDS,
    NUMBER,
    STATUS,
    TEXT,
    TIME,
    Json,
    maybe,
    page,
    record,
    ref,
)  # fmt: skip

JOB: Json = {
    "id": ID,
    "kind": TEXT,
    "track_id": maybe(ID),
    "detail": {
        **TEXT,
        "description": "The model, the address, or what else tells it from others of its kind.",
    },
    "status": STATUS,
    "progress": {"type": "number", "minimum": 0, "maximum": 100},
    "stage": maybe(TEXT),
    "error": maybe(TEXT),
    "error_kind": maybe(ERROR_KIND),
    "attempt": COUNT,
    "priority": {"type": "integer"},
    "scheduled_at": maybe(TIME),
    "inserted_at": TIME,
    "started_at": maybe(TIME),
    "finished_at": maybe(TIME),
}
TRACK: Json = {
    "id": ID,
    "title": TEXT,
    "artist": maybe(TEXT),
    "duration_ms": maybe(COUNT),
    "tempo": maybe(NUMBER),
    "key": maybe(TEXT),
    "camelot": maybe(TEXT),
    "inserted_at": TIME,
}

SCHEMAS: dict[str, Json] = {
    "Problem": {
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "properties": {
            "type": {**TEXT, "format": "uri-reference"},
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "rule": {**TEXT, "description": "The name of the database's rule that refused it."},
            "hint": TEXT,
            "retry_after": COUNT,
            "errors": {
                "type": "array",
                "items": record("One place in the body.", {"pointer": TEXT, "detail": TEXT}),
            },
        },
        "required": ["type", "title", "status", "detail"],
        "additionalProperties": False,
    },
    "Me": record(
        "Whose token this is.",
        {
            "email": {**TEXT, "format": "email"},
            "role": {"type": "string", "enum": ["user", "admin"]},
            "scopes": {"type": "array", "items": {"enum": ["read", "write", "admin", "metrics"]}},
        },
    ),
    "Track": record(
        "A track.",
        TRACK
        | {
            "stems": {
                "type": "array",
                "items": TEXT,
                "description": "The kinds of stems there are.",
            }
        },
    ),
    "TrackDetail": record(
        "A track with what its newest analysis says in one figure each.",
        TRACK
        | {
            "album": maybe(TEXT),
            "source": {"type": "string", "enum": ["upload", "link", "spotify"]},
            "has_audio": {"type": "boolean"},
            "has_cover": {"type": "boolean"},
            "energy": maybe(NUMBER),
            "rms_db": maybe(NUMBER),
            "peak_db": maybe(NUMBER),
            "tempo_confidence": maybe(NUMBER),
            "key_confidence": maybe(NUMBER),
        },
    ),
    "Tracks": page("Track"),
    "Uploaded": record(
        "The track that was made of an upload, and its first job.",
        {"id": ID, "title": TEXT, "job_id": maybe(ID)},
    ),
    "Job": record("A job of any kind.", JOB),
    "JobDetail": record(
        "A job with its budgets, its options, and its attempts. `waits_for`: the jobs that it follows and that have not "
        "completed.",
        JOB
        | {
            "queue": maybe(TEXT),
            "waits_for": {"type": "array", "items": ID},
            "needs": NEEDS,
            "max_attempts": maybe(COUNT),
            "max_crashes": maybe(COUNT),
            "options": {"type": "object"},
            "result": maybe({"type": "object"}),
            "attempts": {
                "type": "array",
                "items": record(
                    "One attempt.",
                    {
                        "number": COUNT,
                        "started_at": TIME,
                        "ended_at": maybe(TIME),
                        "verdict": maybe(
                            {
                                "enum": [
                                    "completed",
                                    "failed",
                                    "retried",
                                    "cancelled",
                                    "lost",
                                    "released",
                                ]
                            }
                        ),
                        "error": maybe(TEXT),
                        "error_kind": maybe(ERROR_KIND),
                    },
                ),
            },
        },
    ),
    "Jobs": page("Job"),
    "Kinds": record(
        "The kinds of job that work on a track, and what the args of each may say.",
        {
            "items": {
                "type": "array",
                "items": record(
                    "A kind.", {"kind": TEXT, "arguments": {"type": "array", "items": TEXT}}
                ),
            }
        },
    ),
    "NewJob": record(
        "A job to enqueue. `args` are the columns that its kind takes (see /job-kinds): `track_id`, for a separation "
        "`model` and `options`; for a download an `address` and no track makes the track, too. The same work is never "
        "done twice at a time: the answer is then the job that is at it, as it is.",
        {"kind": {**TEXT, "maxLength": 100}, "args": {"type": "object", "maxProperties": 30}},
        {
            "priority": {"type": "integer", "minimum": -1000, "maximum": 1000},
            "scheduled_at": TIME,
            "after": AFTER,
            "needs": NEEDS,
        },
    ),
    "Steer": {
        **record(
            "Another time (null: now), another priority, other needs (null: those of its kind) for a job that waits; or "
            "one more job that it follows (null: it follows nothing any more).",
            {},
            {
                "priority": {"type": "integer", "minimum": -1000, "maximum": 1000},
                "scheduled_at": maybe(TIME),
                "after": maybe(AFTER),
                "needs": maybe(NEEDS),
            },
        ),
        "minProperties": 1,
    },
    "Queue": record(
        "A queue. Counts of waiting jobs stop at 10,000. `held`: they follow another job; `short`: they wait for a resource "
        "(20 at most). `obstacle`: why nothing of what is ready starts.",
        {
            "name": TEXT,
            "concurrency": COUNT,
            "global_concurrency": maybe(COUNT),
            "paused": {"type": "boolean"},
            "paused_reason": maybe(TEXT),
            "ready": COUNT,
            "scheduled": COUNT,
            "held": COUNT,
            "short": COUNT,
            "obstacle": maybe(TEXT),
            "running": COUNT,
            "workers": COUNT,
        },
    ),
    "Queues": record("Every queue.", {"items": {"type": "array", "items": ref("Queue")}}),
    "SteerQueue": {
        **record(
            "Pause (with a reason), go on, or another limit: how many a worker runs at a time.",
            {},
            {
                "paused": {"type": "boolean"},
                "paused_reason": maybe({**TEXT, "maxLength": 200}),
                "concurrency": {"type": "integer", "minimum": 1, "maximum": 1000},
            },
        ),
        "minProperties": 1,
    },
    "Model": record(
        "What a track can be separated with.",
        {
            "name": TEXT,
            "engine": TEXT,
            "stems": {"type": "array", "items": TEXT},
            "description": TEXT,
        },
    ),
    "Models": record("Every model.", {"items": {"type": "array", "items": ref("Model")}}),
    "Stem": record(
        "A stem; its audio is /stems/{id}/audio.",
        {
            "id": ID,
            "job_id": ID,
            "model": TEXT,
            "stem_type": TEXT,
            "label": TEXT,
            "format": TEXT,
            "duration_ms": COUNT,
            "sample_rate": COUNT,
            "channels": COUNT,
            "bytes": COUNT,
            "rms_db": maybe(NUMBER),
            "peak_db": maybe(NUMBER),
        },
    ),
    "Stems": record("The stems of a track.", {"items": {"type": "array", "items": ref("Stem")}}),
    "Analysis": {
        "type": "object",
        "description": "The newest analysis: the figures, and `features` with beats, sections, waveform and series.",
        "properties": {
            "duration_ms": COUNT,
            "tempo": maybe(NUMBER),
            "key": maybe(TEXT),
            "energy": NUMBER,
            "rms_db": maybe(NUMBER),
            "spectral_centroid": maybe(NUMBER),
            "spectral_rolloff": maybe(NUMBER),
            "zero_crossing_rate": maybe(NUMBER),
            "features": {"type": "object"},
        },
        "required": ["duration_ms", "tempo", "key", "energy", "features"],
        "additionalProperties": False,
    },
    "Export": record(
        "What was made of a separation; its file is /exports/{id}/file.",
        {
            "id": ID,
            "job_id": ID,
            "separation_id": ID,
            "package": TEXT,
            "file_name": TEXT,
            "bytes": COUNT,
            "model": TEXT,
            "inserted_at": TIME,
        },
    ),
    "Exports": record(
        "The exports of a track.", {"items": {"type": "array", "items": ref("Export")}}
    ),
    "Import": record(
        "An address that became a list: what was found in it, and what became of that.",
        {
            "id": ID,
            "kind": {"enum": ["track", "album", "playlist"]},
            "address": TEXT,
            "title": maybe(TEXT),
            "artist": maybe(TEXT),
            "status": STATUS,
            "progress": NUMBER,
            "stage": maybe(TEXT),
            "error": maybe(TEXT),
            "notice": maybe(TEXT),
            "total": maybe(COUNT),
            "listed": COUNT,
            "found": COUNT,
            "linked": COUNT,
            "waiting": COUNT,
            "downloaded": COUNT,
            "failed": COUNT,
            "inserted_at": TIME,
            "finished_at": maybe(TIME),
        },
    ),
    "Imports": page("Import"),
    "NewImport": record(
        "An address of a Spotify track, album or playlist. Without `choose` false the import only lists.",
        {"address": {**TEXT, "maxLength": 2000}},
        {
            "choose": {"type": "boolean"},
            "then_model": maybe({**TEXT, "maxLength": 100}),
            "after": AFTER,
            "needs": NEEDS,
        },
    ),
    "ImportItem": record(
        "One line of an import.",
        {
            "position": COUNT,
            "title": TEXT,
            "artist": maybe(TEXT),
            "album": maybe(TEXT),
            "duration_ms": maybe(COUNT),
            "status": TEXT,
            "reason": maybe(TEXT),
            "track_id": maybe(ID),
            "job_id": maybe(ID),
        },
    ),
    "ImportItems": record(
        "A piece of what an import found, in its order; `next` is the `after` of the next piece.",
        {"items": {"type": "array", "items": ref("ImportItem")}, "next": maybe(COUNT)},
    ),
    "Choice": record(
        "Which of the positions to have; null: all that were found.",
        {"positions": maybe({"type": "array", "items": COUNT, "maxItems": 10_000})},
    ),
    "Chosen": record("How many downloads were enqueued.", {"enqueued": COUNT}),
    **BATCHES,
    **CUES,
    **BY_HAND,
}

ERRORS = {
    400: "The request cannot be read.",
    401: "There is no token, or nobody's.",
    403: "The token may not do that.",
    404: "There is nothing here, or it belongs to somebody else.",
    409: "That cannot be done now, in the state that it is in.",
    413: "That is more than this server takes.",
    415: "That is no JSON, or no audio.",
    422: "What was sent cannot be used.",
    429: "That was too much at once; Retry-After says when to try again.",
    503: "The database or the store does not answer; nothing is lost.",
}
