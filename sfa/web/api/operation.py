"""Say what an operation of the API is, and run one: scope, body, idempotency, transaction, answer.

The list in `sfa.web.api.operations` is the one source of the routes and of the OpenAPI document; a body is checked by
the same schema that the document shows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sfa.accounts import User
from sfa.db import Session
from sfa.web.api.answer import Answer
from sfa.web.api.idempotency import fingerprint, once
from sfa.web.api.schemas import SCHEMAS
from sfa.web.failures import Forbidden, Malformed, Unusable
from sfa.web.services import Services, services, user

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One that the query may say."""

    name: str
    description: str
    schema: Json = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request, let in and checked."""

    request: Request
    at: Services
    user: User
    session: Session
    body: Json

    @property
    def query(self) -> dict[str, str]:
        """What the query says."""
        return dict(self.request.query_params)


LARGEST = 64 * 1024
Handler = Callable[[Call], Awaitable[Answer]]
Raw = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one address.

    Options:
        handler: answers with JSON, in one transaction if it changes anything.
        raw: instead of it: answers by itself (audio, streams, uploads).
        scope: what the token must be allowed.
        body: name of the schema of the body; None: it has none.
        answer: name of the schema of the answer, or its media type; None: it has no body.
        status: of success.
        large: whether the body may be as large as an upload.
        most: bytes of a body that is JSON, at most.
    """

    method: str
    path: str
    name: str
    summary: str
    tag: str
    handler: Handler | None = None
    raw: Raw | None = None
    scope: str = "read"
    query: tuple[Parameter, ...] = ()
    body: str | None = None
    answer: str | None = None
    status: int = 200
    large: bool = False
    most: int = LARGEST
    description: str = ""

    @property
    def changes(self) -> bool:
        """Whether it may change anything."""
        return self.method != "GET"

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        allow(request, self.scope)
        _known(request, self.query)
        if self.raw is not None:
            return await self.raw(request)
        assert self.handler is not None
        at, who = services(request), user(request)
        body, text = await self._body(request)
        if not self.changes:
            async with at.database.session() as session:
                return _response(await self.handler(Call(request, at, who, session, body)))
        async with at.database.transaction() as session:
            call = Call(request, at, who, session, body)
            key = request.headers.get("idempotency-key")
            if key is None or self.method != "POST":
                return _response(await self.handler(call))
            mark = fingerprint(request, text)
            answer, again = await once(session, who.id, key, mark, lambda: self._answered(call))
            return _response(answer, {"idempotency-replayed": "true"} if again else {})

    async def _answered(self, call: Call) -> Answer:
        assert self.handler is not None
        return await self.handler(call)

    async def _body(self, request: Request) -> tuple[Json, bytes]:
        if self.body is None:
            return {}, b""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Unusable("Send JSON, with content-type application/json.", 415)
        text = await _limited(request, self.most)
        body = parsed(text)
        check(self.body, body)
        return body, text


async def _limited(request: Request, most: int) -> bytes:
    text = bytearray()
    async for chunk in request.stream():
        text += chunk
        if len(text) > most:
            raise Unusable(f"A body has at most {most:,} bytes.", 413)
    return bytes(text)


def parsed(text: bytes) -> Any:
    """What a body says, held to the standard: numbers are finite, and characters are whole; Python's reader allows more."""
    try:
        body = json.loads(text, parse_constant=_finite, parse_float=_finite)
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Unusable("The body is not JSON.", 400) from error
    return body


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def allow(request: Request, scope: str) -> None:
    """Raise unless the token may; steering what everybody shares takes an administrator, too."""
    who = user(request)
    if scope not in who.scopes:
        raise Forbidden(f"This token may not do that: it lacks the scope “{scope}”.")
    if scope == "admin" and who.role != "admin":
        raise Forbidden


def check(schema: str, body: object) -> None:
    """Raise `Malformed` with every place where the body does not fit its schema."""
    whole = {**SCHEMAS[schema], "components": {"schemas": SCHEMAS}}
    validator = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
    found = sorted(validator.iter_errors(body), key=lambda error: list(map(str, error.path)))[:20]
    if found:
        raise Malformed(
            [
                {
                    "pointer": "".join(f"/{part}" for part in error.absolute_path)[:200],
                    "detail": error.message[:300],
                }
                for error in found
            ]
        )


def _known(request: Request, allowed: tuple[Parameter, ...]) -> None:
    names = [parameter.name for parameter in allowed]
    if unknown := [name for name in request.query_params if name not in names]:
        there_are = f"There are: {', '.join(names)}." if names else "There are none."
        raise Unusable(f"There is no parameter “{unknown[0][:50]}” here. {there_are}", 400)


def _response(answer: Answer, headers: dict[str, str] | None = None) -> Response:
    sent = dict(headers or {})
    if answer.location:
        sent["location"] = answer.location
    if answer.body is None:
        return Response(status_code=answer.status, headers=sent)
    return JSONResponse(answer.body, answer.status, headers=sent)
