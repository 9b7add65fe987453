"""Write the OpenAPI 3.1 document from the list of operations. GET /api/v1/openapi.json needs no token: it tells no secret."""

from __future__ import annotations

import functools
import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sfa.web.api.operation import Operation
from sfa.web.api.operations import BASE, OPERATIONS
from sfa.web.api.schemas import ERRORS, SCHEMAS
from sfa.web.api.vocabulary import ref

Json = dict[str, Any]
ABOUT = (
    "Tracks in; stems, tempo, key and a waveform out; every step a job in PostgreSQL.\n\n"
    "Send an API token of your account page as `Authorization: Bearer sfa_…`. Errors are problems (RFC 9457). A POST with "
    "an `Idempotency-Key` is done once, however often it is sent within a day. Lists go page by page: `next` of one is "
    "`before` of the next."
)
KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Anything unique, up to 200 characters: the same request again is answered, not done again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}


async def openapi(request: Request) -> Response:  # noqa: ARG001 - a handler's signature
    """The document."""
    return JSONResponse(document(), headers={"cache-control": "public, max-age=300"})


@functools.cache
def document() -> Json:
    """The whole document."""
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(f"{BASE}{operation.path}", {})[operation.method.lower()] = _operation(
            operation
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sound Forge Alchemy", "version": _version(), "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(o.tag for o in OPERATIONS)],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation) -> Json:
    made: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{operation.description}\n\nScope of the token: `{operation.scope}`.".strip(),
        "tags": [operation.tag],
        "parameters": _parameters(operation),
        "responses": {str(operation.status): _success(operation)}
        | {str(status): _problem(words) for status, words in ERRORS.items()},
    }
    if operation.body:
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": ref(operation.body)}},
        }
    elif operation.large:
        made["requestBody"] = {
            "required": True,
            "content": {"audio/*": {}, "application/octet-stream": {}},
        }
    return made


def _parameters(operation: Operation) -> list[Json]:
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    found += [
        {"name": p.name, "in": "query", "description": p.description, "schema": p.schema}
        for p in operation.query
    ]
    return [*found, KEY] if operation.method == "POST" else found


def _success(operation: Operation) -> Json:
    done: Json = {"description": operation.summary}
    if operation.answer is None:
        return done
    if operation.answer in SCHEMAS:
        return done | {"content": {"application/json": {"schema": ref(operation.answer)}}}
    return done | {"content": {operation.answer: {}}}


def _problem(words: str) -> Json:
    content = {"application/problem+json": {"schema": ref("Problem")}}
    return {"description": words, "content": content}


def _version() -> str:
    try:
        return version("sound-forge-alchemy")
    except PackageNotFoundError:
        return "0.0.0"
