"""Fetch audio from an address that somebody gave: a plain file, or a page of a site that yt-dlp knows.

Both are off until the settings ``download_http`` and ``download_sites`` allow them. A plain address must lead to the audio file
itself. Where a host name resolves to a private or loopback address the download is refused (``download_private`` allows
it), each redirect again, and the connection goes to the very address that was checked, so that a name can't change its
mind in between. What comes is bounded by the upload limit and must begin like audio. A download that broke off goes
on where it stopped, if the server can and the file is still the same (Range, If-Range).
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx

from sfa import spotdl
from sfa.config import Config
from sfa.errors import InputError, SfaError
from sfa.jobs.fetched import Fetched, by_port, left_by_port
from sfa.jobs.runner import Run
from sfa.reach import public
from sfa.sniff import HEAD, audio_format

MAX_REDIRECTS: Final = 5
CHUNK: Final = 1 << 18
_AS_IT_IS: Final = {"Accept-Encoding": "identity"}


class NoAudio(InputError):
    """The address does not lead to an audio file; give the address of the file itself"""


def allowed(config: Config) -> None:
    """`InputError` where the settings allow no downloads from addresses."""
    if not (config.download_http or config.download_sites):
        raise InputError(
            "downloads from addresses are switched off here; the setting download_http allows audio files,"
            " download_sites the pages of sites that yt-dlp knows"
        )


async def fetch(work: Run, kept: Path, share: float) -> Fetched:
    """The file, in ``kept``; up to ``share`` percent of the job's progress."""
    config, row = work.resources.config, work.row
    allowed(config)
    address = str(row["audio_address"] or row["address"])
    if not config.download_http:
        return await _site(work, kept, share, address)
    try:
        return await _plain(work, kept, share, address)
    except NoAudio:
        if not config.download_sites:
            raise
    return await _site(work, kept, share, address)


async def _site(work: Run, kept: Path, share: float, address: str) -> Fetched:
    """By yt-dlp, in the port that spotdl lives in."""
    config, folder = work.resources.config, kept / "site"
    work.share = (0, share)
    answer = left_by_port(folder) or await work.call(
        "spotify_dl",
        "download",
        address=address,
        out=str(folder),
        max_bytes=config.upload_limit_mb * 1_000_000,
        private=config.download_private,
        ffmpeg=spotdl.ffmpeg() or "ffmpeg",
    )
    return by_port(folder, answer)


async def _plain(work: Run, kept: Path, share: float, address: str) -> Fetched:
    """The file itself, over http(s)."""
    config = work.resources.config
    limit = config.upload_limit_mb * 1_000_000
    part = _Part(kept / "part", kept / "part.json")
    async with httpx.AsyncClient(timeout=30, trust_env=True) as client:
        if not part.whole(address):
            async with _opened(
                client, address, part.headers(address), config.download_private
            ) as answer:
                size, total = part.begin(address, answer), part.total
                try:
                    with part.path.open("ab") as file:
                        async for chunk in answer.aiter_bytes(CHUNK):
                            if size == 0:
                                _look(chunk)
                            size += len(chunk)
                            if max(size, total) > limit:
                                raise InputError(
                                    f"the file is larger than the limit of {config.upload_limit_mb} MB"
                                )
                            await asyncio.to_thread(file.write, chunk)
                            work.progress(share * size / total if total else 0, "downloading")
                except httpx.HTTPError as error:
                    raise SfaError(f"the download broke off: {type(error).__name__}") from error
            part.end(address)
    if part.path.stat().st_size == 0:
        raise InputError("the address leads to an empty file")
    with part.path.open("rb") as file:
        form = _look(file.read(HEAD))
        digest = (await asyncio.to_thread(hashlib.file_digest, file, "sha256")).hexdigest()
    return Fetched(
        part.path, form, digest, work.row["told_ms"] if work.row["audio_address"] else None
    )


def _look(head: bytes) -> str:
    form = audio_format(head[:HEAD])
    if form is None:
        raise NoAudio
    return form


@dataclass(slots=True)
class _Part:
    """What has been fetched so far, and what it is a part of."""

    path: Path
    note: Path
    total: int = 0

    def headers(self, address: str) -> dict[str, str]:
        """What to ask for: the rest, if there is a beginning of the same file."""
        size, known = self._size(), self._known(address)
        if not size or not known.get("validator"):
            return {}
        return {"Range": f"bytes={size}-", "If-Range": str(known["validator"])}

    def whole(self, address: str) -> bool:
        """Whether all of it is there."""
        return bool(self._known(address).get("whole"))

    def begin(self, address: str, answer: httpx.Response) -> int:
        """Write down what comes; how many bytes are there already."""
        size, ranged = (
            self._size(),
            re.match(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("content-range", "")),
        )
        # The length of an encoded body says nothing about the file's.
        encoded = "content-encoding" in answer.headers
        length = answer.headers.get("content-length", "")
        if answer.status_code == 206 and ranged and int(ranged[1]) == size:
            self.total = int(ranged[2])
            return size
        self.path.write_bytes(b"")
        self.total = int(length) if length.isdigit() and not encoded else 0
        etag = answer.headers.get("etag", "")
        validator = "" if etag.startswith("W/") else etag or answer.headers.get("last-modified", "")
        self._write(address, "" if encoded else validator, False)
        return 0

    def end(self, address: str) -> None:
        """All of it is there."""
        if self.total and self._size() != self.total:
            raise SfaError("the download broke off before its end")
        self._write(address, "", True)

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _known(self, address: str) -> Mapping[str, object]:
        try:
            known: dict[str, object] = json.loads(self.note.read_text())
        except (OSError, ValueError):
            return {}
        return known if known.get("address") == address and self.path.exists() else {}

    def _write(self, address: str, validator: str, whole: bool) -> None:
        staged = self.note.with_suffix(".new")
        staged.write_text(json.dumps({"address": address, "validator": validator, "whole": whole}))
        staged.replace(self.note)


@asynccontextmanager
async def _opened(
    client: httpx.AsyncClient, address: str, headers: Mapping[str, str], private: bool
) -> AsyncIterator[httpx.Response]:
    """The answer to a GET after all redirects, each checked anew; its body is not read yet."""
    for _ in range(MAX_REDIRECTS + 1):
        request = await _request(client, address, private)
        request.headers.update(headers)
        try:
            response = await client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise SfaError(f"the server does not answer: {type(error).__name__}") from error
        try:
            if response.is_redirect:
                address = urljoin(address, response.headers.get("location", ""))
                continue
            if response.status_code >= 500 or response.status_code == 429:
                raise SfaError(f"the server answered {response.status_code}; it may work later")
            if response.status_code not in (200, 206):
                raise InputError(f"the server answered {response.status_code} for this address")
            yield response
            return
        finally:
            await response.aclose()
    raise InputError(f"the address redirects more than {MAX_REDIRECTS} times")


async def _request(client: httpx.AsyncClient, address: str, private: bool) -> httpx.Request:
    parts = urlsplit(address)
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        raise InputError("only http and https addresses can be downloaded")
    if private:
        return client.build_request("GET", address, headers=_AS_IT_IS)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = await asyncio.get_running_loop().run_in_executor(
            None, partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        )
    except (OSError, ValueError) as error:
        raise SfaError(f"the host {host} cannot be found") from error
    ips = [ipaddress.ip_address(entry[4][0]) for entry in found]
    if not ips or not all(public(ip) for ip in ips):
        raise InputError(
            f"{host} is a private address; downloads from there are switched off (setting download_private)"
        )
    literal = f"[{ips[0]}]" if ips[0].version == 6 else str(ips[0])
    pinned = httpx.URL(address).copy_with(host=literal.strip("[]"))
    request = client.build_request(
        "GET", pinned, headers={**_AS_IT_IS, "Host": parts.netloc.rsplit("@", 1)[-1]}
    )
    request.extensions["sni_hostname"] = host
    return request
