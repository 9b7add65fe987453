"""Download a track's audio from a plain http(s) address; then have it separated.

A track of Spotify's has its audio at ``audio_address``; its own address is a page, and no audio.
The address must lead to the audio file itself. Where a host name resolves to a private or loopback address the
download is refused (``download_private`` allows it), each redirect again, and the connection goes to the very
address that was checked, so that a name can't change its mind in between. What comes is read as a stream, bounded by
the upload limit, and must begin like audio.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import socket
from collections.abc import AsyncIterator
from functools import partial
from urllib.parse import urljoin, urlsplit

import httpx
import procrastinate

from sfa.catalog import DOWNLOAD
from sfa.db import Row, Session
from sfa.errors import InputError, SfaError
from sfa.jobs.runner import Run, run
from sfa.jobs.standalone import Again
from sfa.queue.app import app
from sfa.queue.attempt import Record
from sfa.sniff import HEAD, audio_format

MAX_REDIRECTS = 5
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_AS_IT_IS = {"Accept-Encoding": "identity"}


@app.task(name="download", queue="download", pass_context=True, retry=Again())
async def download(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt of a download job."""
    await run(context, DOWNLOAD, perform, job_id)


async def perform(work: Run) -> Record:
    """Stream the file into the store; the track gets its audio, and its separation is enqueued."""
    limit = work.kind.hard_limit(None)
    try:
        async with asyncio.timeout(limit):
            return await _perform(work)
    except TimeoutError as error:
        raise SfaError(f"the download took longer than {limit:g} s") from error


async def _perform(work: Run) -> Record:
    config, store, row = work.resources.config, work.resources.store, work.row
    limit = config.upload_limit_mb * 1_000_000
    async with store.scratch() as folder, httpx.AsyncClient(timeout=30, trust_env=True) as client:
        path = folder / "audio"
        digest, size, kind = hashlib.sha256(), 0, None
        with path.open("wb") as file:
            async for chunk, total in _stream(client, _address(row), config.download_private):
                if kind is None:
                    kind = audio_format(chunk[:HEAD])
                    if kind is None:
                        raise InputError(
                            "the address does not lead to an audio file; give the address of the file itself"
                        )
                size += len(chunk)
                if size > limit:
                    raise InputError(
                        f"the file is larger than the limit of {config.upload_limit_mb} MB"
                    )
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
                work.progress(100 * size / total if total else 0, "downloading")
        if kind is None:
            raise InputError("the address leads to an empty file")
        key = f"audio/{digest.hexdigest()}.{kind}"
        await work.pin(key)
        if not await store.exists(key):
            await store.put_file(key, path)

    async def record(session: Session) -> None:
        await session.run("result_track_audio", id=row["track_id"], audio_key=key)
        if row["then_model"]:
            await session.run(
                "record_follow_processing", track=row["track_id"], model=row["then_model"]
            )

    return record


def _address(row: Row) -> str:
    """Where the audio is."""
    if row["audio_address"]:
        return str(row["audio_address"])
    if (urlsplit(row["address"]).hostname or "").lower().endswith("spotify.com"):
        raise InputError(
            "Spotify's address says what the track is, not where its audio is: give the address of an audio file as"
            " audio_address, or upload the file"
        )
    return str(row["address"])


async def _stream(
    client: httpx.AsyncClient, address: str, private: bool
) -> AsyncIterator[tuple[bytes, int]]:
    """Chunks of at least HEAD bytes (but for the last) with the total length, 0 if unknown."""
    for _ in range(MAX_REDIRECTS + 1):
        request = await _request(client, address, private)
        response = await client.send(request, stream=True)
        try:
            if response.is_redirect:
                address = urljoin(address, response.headers.get("location", ""))
                continue
            if response.status_code >= 500 or response.status_code == 429:
                raise SfaError(f"the server answered {response.status_code}; it may work later")
            if response.status_code != 200:
                raise InputError(f"the server answered {response.status_code} for this address")
            # The length of an encoded body says nothing about the file's.
            encoded = "content-encoding" in response.headers
            total = 0 if encoded else int(response.headers.get("content-length") or 0)
            async for chunk in response.aiter_bytes(1 << 18):
                yield chunk, total
            return
        except httpx.HTTPError as error:
            raise SfaError(f"the download broke off: {type(error).__name__}") from error
        finally:
            await response.aclose()
    raise InputError(f"the address redirects more than {MAX_REDIRECTS} times")


def _public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is everybody's, and no wrapping of one that is not."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64 or ip.sixtofour or ip.teredo or ip.is_site_local:
            return False
        if ip.ipv4_mapped:
            return _public(ip.ipv4_mapped)
    return ip.is_global and not ip.is_multicast


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
    if not ips or not all(_public(ip) for ip in ips):
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
