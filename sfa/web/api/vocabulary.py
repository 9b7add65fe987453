"""The words that the API's shapes are written in: identities, times, records, pages."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

ID: Json = {"type": "string", "format": "uuid"}
TIME: Json = {"type": "string", "format": "date-time"}
TEXT: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}


def maybe(schema: Json) -> Json:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def ref(name: str) -> Json:
    """Another of the schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(description: str, needed: Json, optional: Json | None = None) -> Json:
    """An object with exactly these members."""
    return {
        "type": "object",
        "description": description,
        "properties": needed | (optional or {}),
        "required": list(needed),
        "additionalProperties": False,
    }


def page(of: str) -> Json:
    """One page of a list."""
    return record(
        f"One page of {of}, newest first. `next` is the `before` of the page after; null: this is the last one.",
        {"items": {"type": "array", "items": ref(of)}, "next": maybe(TEXT)},
    )


# What a job waits for, as its table's columns of these names say it.
AFTER: Json = {
    **ID,
    "description": "A job of yours, of any kind, that must complete first; where it fails or is cancelled, this one is "
    "cancelled with it.",
}
NEEDS: Json = {
    "type": "object",
    "description": "What it holds of its host's resources while it runs, in place of what its kind needs: "
    "{“memory_gb”: 3}. What no host has is refused.",
    "additionalProperties": {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000},
    "maxProperties": 20,
}

STATUS: Json = {
    "type": "string",
    "enum": ["waiting", "running", "retrying", "completed", "failed", "cancelled"],
}
ERROR_KIND: Json = {"type": "string", "enum": ["input", "resource", "internal", "crash", "timeout"]}
NUMBER: Json = {"type": "number"}
