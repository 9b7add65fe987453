"""The shapes of cue points and loops."""

from __future__ import annotations

from sfa.web.api.vocabulary import COUNT, ID, NUMBER, TEXT, Json, maybe, record, ref

PLACE: Json = {"type": "integer", "minimum": 0, "maximum": 1_000_000_000}
LABEL: Json = {**TEXT, "maxLength": 100}
COLOUR: Json = {"type": "string", "pattern": "^#[0-9A-Fa-f]{6}$"}
PAD: Json = {"type": "integer", "minimum": 1, "maximum": 8}
SNAP: Json = {
    "type": "boolean",
    "default": True,
    "description": "Put it on the nearest beat of the grid that counts.",
}

CUES: dict[str, Json] = {
    "Cue": record(
        "A cue point or, with `end_ms`, a loop. `auto_generated`: the analysis made it; what a person changes is that "
        "person's from then on, and stays.",
        {
            "id": ID,
            "track_id": ID,
            "position_ms": COUNT,
            "end_ms": maybe(COUNT),
            "cue_type": {"type": "string", "enum": ["hot", "memory", "loop_in"]},
            "label": TEXT,
            "colour": maybe(COLOUR),
            "pad": maybe(PAD),
            "auto_generated": {"type": "boolean"},
            "confidence": NUMBER,
        },
    ),
    "Cues": record(
        "The cue points of a track, in the order of their places.",
        {"items": {"type": "array", "items": ref("Cue")}},
    ),
    "NewCue": record(
        "A place in milliseconds. With `end_ms` it is a loop. A hot cue gets the first free of the eight pads.",
        {"position_ms": PLACE},
        {
            "end_ms": PLACE,
            "cue_type": {"type": "string", "enum": ["hot", "memory", "loop_in"]},
            "label": LABEL,
            "colour": maybe(COLOUR),
            "snap": SNAP,
        },
    ),
    "ChangeCue": {
        **record(
            "What is to be another; the rest stays. `position_ms` alone moves a loop as a whole, `end_ms` its end.",
            {},
            {
                "position_ms": PLACE,
                "end_ms": PLACE,
                "cue_type": {"type": "string", "enum": ["hot", "memory"]},
                "label": LABEL,
                "colour": maybe(COLOUR),
                "pad": maybe(PAD),
                "snap": SNAP,
            },
        ),
        "minProperties": 1,
    },
}
