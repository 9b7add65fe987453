"""The shapes of batches: many tracks, one operation."""

from __future__ import annotations

from typing import Final

from sfa.web.api.vocabulary import (
    AFTER,
    COUNT,
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

MOST_TRACKS: Final = 10_000
OPERATION: Json = {
    "type": "string",
    "enum": ["analyze", "separate", "multistem", "demuser", "voice_clean", "voice_change"],
}
MEMBER_STATES: Final = (*STATUS["enum"], "refused")

BATCHES: dict[str, Json] = {
    "Batch": record(
        "Many tracks and one operation. `status` is running until every member has ended, then completed (all of them), "
        "partial (some), failed (none) or cancelled (all of them). `failed` counts the refused members, too.",
        {
            "id": ID,
            "title": maybe(TEXT),
            "operation": OPERATION,
            "model": maybe(TEXT),
            "options": {"type": "object"},
            "import_id": maybe(ID),
            "after": maybe(ID),
            "needs": maybe(NEEDS),
            "status": {
                "type": "string",
                "enum": ["running", "completed", "partial", "failed", "cancelled"],
            },
            "progress": {"type": "number", "minimum": 0, "maximum": 100},
            "total": COUNT,
            "active": COUNT,
            "completed": COUNT,
            "failed": COUNT,
            "cancelled": COUNT,
            "inserted_at": TIME,
            "finished_at": maybe(TIME),
        },
    ),
    "Batches": page("Batch"),
    "NewBatch": record(
        "One operation on many tracks of yours: `track_ids`, or `import_id` for every track of an import that has been "
        "downloaded. All but analyze takes a `model` (see /models). `options` are those of a single job: for analyze its "
        "further args. A track that is at the same work already is a member with the job that it has; one that is refused is "
        "a member without a job, and says why. With `after` and `needs` each of the new jobs follows that job and needs that.",
        {"operation": OPERATION},
        {
            "track_ids": {"type": "array", "items": ID, "minItems": 1, "maxItems": MOST_TRACKS},
            "import_id": ID,
            "model": {**TEXT, "maxLength": 100},
            "options": {"type": "object", "maxProperties": 30},
            "title": maybe({**TEXT, "maxLength": 200}),
            "preview": {"type": "boolean"},
            "fallback": maybe({**TEXT, "maxLength": 100}),
            "priority": {"type": "integer", "minimum": -1000, "maximum": 1000},
            "after": AFTER,
            "needs": NEEDS,
        },
    ),
    "BatchMember": record(
        "One track of a batch. A refused one has no job; `error` says why. One whose job was deleted counts as cancelled.",
        {
            "position": COUNT,
            "track_id": ID,
            "title": TEXT,
            "job_id": maybe(ID),
            "status": {"type": "string", "enum": list(MEMBER_STATES)},
            "progress": NUMBER,
            "stage": maybe(TEXT),
            "error": maybe(TEXT),
            "finished_at": maybe(TIME),
        },
    ),
    "BatchMembers": record(
        "A piece of a batch's members, in the order of its tracks; `next` is the `after` of the next piece.",
        {"items": {"type": "array", "items": ref("BatchMember")}, "next": maybe(COUNT)},
    ),
    "BatchSteered": record(
        "How many jobs it was for, and the batch as it is now. None is no error: there was nothing to do.",
        {"jobs": COUNT, "batch": ref("Batch")},
    ),
}
