"""Do what a request asks once, however often it is sent: by its Idempotency-Key.

The key is a user's own and is kept for a day with the answer, in the transaction of what was done. The same request
again gets the same answer with ``Idempotency-Replayed: true``; two at once wait for each other; the same key with another
request is refused (422). What failed is not kept: it did nothing, so it may be tried again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request

from sfa.db import Session
from sfa.web.api.answer import Answer
from sfa.web.failures import Unusable

LONGEST = 200


def fingerprint(request: Request, body: bytes) -> bytes:
    """What tells a request from others: method, address, body."""
    head = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(head + body).digest()


async def once(
    session: Session, user_id: int, key: str, mark: bytes, do: Callable[[], Awaitable[Answer]]
) -> tuple[Answer, bool]:
    """Do it, or answer as the first time; whether it is that. The session is in the transaction of what is done."""
    if not 1 <= len(key) <= LONGEST or not key.isprintable():
        raise Unusable(f"An Idempotency-Key has between 1 and {LONGEST} characters.", 400)
    if await session.one("request_begin", user_id=user_id, key=key, fingerprint=mark) is None:
        found = await session.one("request_find", user_id=user_id, key=key)
        if found is None or found["fingerprint"] != mark:
            raise Unusable("This Idempotency-Key belongs to another request: take a new one.", 422)
        return Answer(found["body"], found["status"], found["location"]), True
    answer = await do()
    await session.run(
        "request_end", user_id=user_id, key=key, status=answer.status, location=answer.location,
        body=None if answer.body is None else json.dumps(answer.body),
    )  # fmt: skip
    return answer, False
