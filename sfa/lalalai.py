"""Talk to lalal.ai's HTTP API (version 1): upload, split, change a voice, check, cancel, delete, minutes, voices.

Every operation is one POST with the licence key in a header. What went wrong is told by its class: `Later` (429; with
what Retry-After says), `SfaError` (502, 503, 504, 408, other 5xx and network faults: try again), `KeyUsed` (the
idempotency key belongs to a task that runs already), `ApiError` and `InputError` (trying again would not help). The
key goes to the API's own host only, never to the links of results, and is in no message.
Limit: one client is one account; whoever calls it keeps `check` under 20 a minute.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import anyio
import httpx

from sfa.errors import InputError, Later, SfaError

URL = "https://www.lalal.ai"
SECRET = "lalalai.key"  # noqa: S105 - its name in the vault
PATIENCE = httpx.Timeout(30.0, read=120.0, write=120.0)
BLOCK = 1 << 18
BUSY = frozenset({408, 429, 502, 503, 504})

FRIENDLY = {
    "idempotency_key_used": "lalal.ai has begun this task already",
    "internal_error": "lalal.ai could not begin the task",
    "exceeded_duration": "the file is longer than the licence allows",
    "max_duration": "the file is longer than lalal.ai takes",
    "exceeded_size": "the file is larger than the licence allows",
    # The API spells it so.
    "batch_not_avaliable": "the licence does not include batches",
    "inference_error": "lalal.ai could not process this audio",
}


class ApiError(InputError):
    """lalal.ai refused the request."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class KeyUsed(ApiError):
    """The idempotency key belongs to a task that runs already."""


@dataclass(frozen=True, slots=True)
class Source:
    """An upload: its id, its length in seconds, and when it expires (Unix time)."""

    id: UUID
    seconds: float
    expires: float


@dataclass(slots=True)
class Lalalai:
    """The API of one account; ``http`` is lent, not owned."""

    http: httpx.AsyncClient
    key: str = field(repr=False)
    url: str = URL

    async def upload(
        self, path: Path, name: str, on_sent: Callable[[int, int], None] = lambda *_: None
    ) -> Source:
        """Send a file; ``on_sent`` hears bytes sent and in all."""
        size = (await anyio.Path(path).stat()).st_size
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": _disposition(name),
            "Content-Length": str(size),
        }
        told = await self._post("upload", content=_chunks(path, size, on_sent), headers=headers)
        try:
            return Source(UUID(told["id"]), float(told["duration"]), float(told["expires"]))
        except (KeyError, TypeError, ValueError) as error:
            raise SfaError("lalal.ai's answer to the upload is not what it used to be") from error

    async def split(self, kind: str, source: UUID, presets: Mapping[str, Any], key: UUID) -> UUID:
        """Begin a task; ``kind``: stem_separator, multistem, demuser, voice_clean or change_voice."""
        path = "change_voice" if kind == "change_voice" else f"split/{kind}"
        body = {"source_id": str(source), "presets": dict(presets), "idempotency_key": str(key)}
        return _task(await self._post(path, json=body))

    async def split_batch(
        self, kind: str, items: Iterable[tuple[UUID, Mapping[str, Any], UUID]]
    ) -> list[UUID | ApiError]:
        """Begin 1 to 100 tasks of stem_separator, demuser or voice_clean: in order, each by itself."""
        body = [
            {"source_id": str(source), "presets": dict(presets), "idempotency_key": str(key)}
            for source, presets, key in items
        ]
        told = await self._post(f"split/batch/{kind}", json={"items": body})
        return [
            _task(one)
            if one.get("status") == "success"
            else _refusal(str(one.get("error") or ""), str(one.get("code") or ""))
            for one in told.get("results") or []
        ]

    async def check(self, tasks: Iterable[UUID]) -> dict[str, dict[str, Any]]:
        """How far tasks are, by id; a task that is not known any more is missing."""
        told = await self._post("check", json={"task_ids": [str(task) for task in tasks]})
        return dict(told.get("result") or {})

    async def cancel(self, tasks: Iterable[UUID]) -> dict[str, dict[str, Any]]:
        """Stop tasks; those that do not run say so, which is no error."""
        told = await self._post("cancel", json={"task_ids": [str(task) for task in tasks]})
        return dict(told.get("result") or {})

    async def cancel_all(self) -> dict[str, dict[str, Any]]:
        """Stop every task of the account."""
        return dict((await self._post("cancel/all")).get("result") or {})

    async def delete(self, source: UUID) -> None:
        """Remove an upload and stop its tasks; its links live an hour longer."""
        await self._post("delete", json={"source_id": str(source)})

    async def minutes_left(self) -> float:
        """What the licence has left."""
        told = await self._post("limits/minutes_left")
        try:
            return float(told["minutes_left"])
        except (KeyError, TypeError, ValueError) as error:
            raise SfaError(
                "lalal.ai does not say how many minutes are left as it used to"
            ) from error

    async def voice_packs(self) -> list[dict[str, Any]]:
        """The account's own voices: name, pack_id, created (Unix time)."""
        return list((await self._post("voice_packs/list")).get("packs") or [])

    async def fetch(
        self, url: str, path: Path, on_got: Callable[[int, int], None] = lambda *_: None
    ) -> None:
        """Download a result's link; `LinkGone` where it has expired."""
        if not url.startswith(("https://", "http://")):
            raise SfaError("lalal.ai gave a link that is none")
        try:
            async with self.http.stream(
                "GET", url, timeout=PATIENCE, follow_redirects=True
            ) as answer:
                if answer.status_code in (403, 404, 410):
                    raise LinkGone
                if answer.status_code != 200:
                    raise SfaError(
                        f"a result's link answered {answer.status_code}; it may work later"
                    )
                encoded = "content-encoding" in answer.headers
                total = 0 if encoded else int(answer.headers.get("content-length") or 0)
                got = 0
                async with await anyio.open_file(path, "wb") as file:
                    async for chunk in answer.aiter_bytes(BLOCK):
                        await file.write(chunk)
                        on_got(got := got + len(chunk), total)
        except httpx.HTTPError as error:
            raise SfaError(f"the download of a result broke off: {type(error).__name__}") from error

    async def _post(self, path: str, **more: Any) -> dict[str, Any]:
        headers = {"X-License-Key": self.key, **more.pop("headers", {})}
        try:
            answer = await self.http.post(
                f"{self.url}/api/v1/{path}/", headers=headers, timeout=PATIENCE, **more
            )
        except httpx.HTTPError as error:
            raise SfaError(f"lalal.ai does not answer: {type(error).__name__}") from error
        if answer.status_code >= 300:
            raise _error(answer)
        try:
            told = answer.json()
        except ValueError as error:
            raise SfaError("lalal.ai's answer is not JSON") from error
        if not isinstance(told, dict):
            raise SfaError("lalal.ai's answer is not what it used to be")
        return told


@dataclass(frozen=True, slots=True)
class Account:
    """A licence and where its API is (empty: lalal.ai's own)."""

    key: str = field(repr=False)
    url: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", (self.url or URL).rstrip("/"))

    @property
    def name(self) -> str:
        """What the account is called in tables, which tells nobody the key: 16 hexadecimal digits."""
        return hashlib.sha256(f"{self.url} {self.key}".encode()).hexdigest()[:16]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Lalalai]:
        """The account's client."""
        async with httpx.AsyncClient() as http:
            yield Lalalai(http, self.key, self.url)


class LinkGone(SfaError):
    """The link to the result has expired."""


def _task(told: Mapping[str, Any]) -> UUID:
    try:
        return UUID(str(told["task_id"]))
    except (KeyError, ValueError) as error:
        raise SfaError("lalal.ai began a task and did not say which") from error


def _error(answer: httpx.Response) -> SfaError:
    status = answer.status_code
    if status == 429:
        seconds = _seconds(answer.headers.get("retry-after", ""))
        return Later(f"lalal.ai asks for a pause of {seconds:.0f} s", seconds)
    if status in BUSY or status >= 500:
        return SfaError(f"lalal.ai answered {status}; it may work later")
    if status in (401, 403):
        return InputError("lalal.ai refuses the licence key: check it in the settings")
    try:
        told = answer.json()
    except ValueError:
        told = {}
    detail = told.get("detail") if isinstance(told, dict) else None
    code = str(told.get("code") or "") if isinstance(told, dict) else ""
    return _refusal(_words(detail) or f"it answered {status}", code)


def _refusal(detail: str, code: str) -> ApiError:
    words = FRIENDLY.get(code)
    message = words if words else f"lalal.ai refused: {detail}" if detail else "lalal.ai refused"
    return (KeyUsed if code == "idempotency_key_used" else ApiError)(message, code)


def _words(detail: object) -> str:
    """A detail is a text, an object, or a list of what is wrong where."""
    match detail:
        case str():
            return detail[:300]
        case list():
            parts = [_words(part) for part in detail[:5]]
            return "; ".join(part for part in parts if part)
        case {"msg": str(message), **rest}:
            where = rest.get("loc")
            return f"{'.'.join(map(str, where))}: {message}" if isinstance(where, list) else message
        case {"error": str(message)} | {"detail": str(message)}:
            return message[:300]
        case _:
            return ""


def _seconds(told: str) -> float:
    try:
        return min(3600.0, max(1.0, float(told)))
    except ValueError:
        return 60.0


def _disposition(name: str) -> str:
    """RFC 6266: a plain name as it is, any other as UTF-8 beside a plain one."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    if plain == name:
        return f"attachment; filename={name}"
    return f"attachment; filename={plain}; filename*=UTF-8''{quote(name, safe='')}"


async def _chunks(
    path: Path, size: int, on_sent: Callable[[int, int], None]
) -> AsyncIterator[bytes]:
    sent = 0
    async with await anyio.open_file(path, "rb") as file:
        while chunk := await file.read(BLOCK):
            yield chunk
            on_sent(sent := sent + len(chunk), size)
