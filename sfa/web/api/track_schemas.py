"""The shapes of what is done to tracks by hand: the beat grid and its corrections, covers."""

from __future__ import annotations

from typing import Final

from sfa.web.api.vocabulary import AFTER, ID, NEEDS, NUMBER, TIME, Json, maybe, record

MOST_COVERS: Final = 1000
TEMPO: Json = {"type": "number", "minimum": 20, "maximum": 400}
METRE: Json = {"type": "integer", "minimum": 2, "maximum": 12}
SECONDS: Json = {"type": "number", "minimum": -60, "maximum": 1_000_000}
TIMES: Json = {"type": "array", "items": NUMBER, "description": "Seconds."}

BY_HAND: dict[str, Json] = {
    "Grid": record(
        "The beat grid that counts: found in the mix, or in the drums once they are separated, or corrected by a person "
        "(`source` user). `correction` is what was said by hand, null where nothing was; it holds for the next analysis, too.",
        {
            "source": {"type": "string", "enum": ["mix", "drums", "user"]},
            "tempo": maybe(NUMBER),
            "confidence": NUMBER,
            "metre": METRE,
            "beats": TIMES,
            "bars": TIMES,
            "correction": maybe(
                record(
                    "In BPM and seconds: here is a beat (`anchor`), here begins a bar (`downbeat`). Null: as analysed.",
                    {
                        "tempo": maybe(NUMBER),
                        "anchor": maybe(NUMBER),
                        "downbeat": maybe(NUMBER),
                        "metre": maybe(METRE),
                    },
                )
            ),
            "updated_at": TIME,
        },
    ),
    "CorrectGrid": {
        **record(
            "What to correct; what is not named stays. Factors and shifts add up: send an Idempotency-Key with them.",
            {},
            {
                "factor": {
                    "type": "number",
                    "minimum": 0.01,
                    "maximum": 100,
                    "description": "2: twice the tempo; 0.5: half of it.",
                },
                "shift_ms": {
                    "type": "number",
                    "minimum": -1_000_000,
                    "maximum": 1_000_000,
                    "description": "Every beat and bar so much later.",
                },
                "taps": {
                    "type": "array",
                    "items": {"type": "number", "minimum": -1, "maximum": 1_000_000},
                    "minItems": 4,
                    "maxItems": 500,
                    "description": "Seconds in the track at which somebody tapped the beat.",
                },
                "downbeat": {**SECONDS, "description": "A bar begins at the beat nearest to here."},
                "tempo": {**TEMPO, "description": "This tempo and no other."},
                "metre": {**METRE, "description": "Beats a bar."},
            },
        ),
        "minProperties": 1,
    },
    "NewCovers": record(
        "Whose covers to fetch: `track_ids`, or `import_id` for all tracks of an import. Tracks that have a cover, or that "
        "Spotify does not know, are left out. `size`: of the longer side in pixels, at most.",
        {},
        {
            "track_ids": {"type": "array", "items": ID, "minItems": 1, "maxItems": MOST_COVERS},
            "import_id": ID,
            "size": {"type": "integer", "minimum": 64, "maximum": 3000, "default": 640},
            "after": AFTER,
            "needs": NEEDS,
        },
    ),
}
