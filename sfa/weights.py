"""Fetch the released Demucs models' weights: what there is, whether it can be had, getting it.

Files come from the publisher's server, or from ``base``, under the names that carry the start of
their SHA-256, which is checked before a file gets its name. A broken download is resumed; a lock in
the folder keeps two workers from fetching the same file twice. ``available`` only looks for files;
``problem`` and ``reachable`` answer within their time limit (2 s) whatever the network does; without
a network ``fetch`` fails as soon as the connection does, at the latest after 5 s.
Limit: a user's own models are found in the folder, never fetched.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from sfa.errors import SfaError

PUBLISHER: Final = "https://dl.fbaipublicfiles.com/demucs/"
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 30.0
RESUMES: Final = 5
CHUNK: Final = 1 << 18
TOLD_SECONDS: Final = 0.1
Progress = Callable[[int, int], None]


class WeightsError(SfaError):
    """The weights cannot be had; choose the model "spectral", which needs none."""


@dataclass(frozen=True, slots=True)
class Released:
    """A published model: its files (folder/signature-hash.th) and the rest of its bag's yaml."""

    files: tuple[str, ...]
    extra: str = ""

    @property
    def definition(self) -> str:
        """The bag's yaml."""
        signatures = ", ".join(f"'{_signature(Path(file))}'" for file in self.files)
        return f"models: [{signatures}]\n{self.extra}"


_ONE_A_STEM: Final = (
    "weights: [\n  [1., 0., 0., 0.],\n  [0., 1., 0., 0.],\n  [0., 0., 1., 0.],\n"
    "  [0., 0., 0., 1.],\n]\n"
)
_HYBRID, _MDX = "hybrid_transformer", "mdx_final"
MODELS: Final = {
    "htdemucs": Released((f"{_HYBRID}/955717e8-8726e21a.th",)),
    "htdemucs_ft": Released(
        (
            f"{_HYBRID}/f7e0c4bc-ba3fe64a.th",
            f"{_HYBRID}/d12395a8-e57c48e6.th",
            f"{_HYBRID}/92cfc3b6-ef3bcb9c.th",
            f"{_HYBRID}/04573f0d-f3cf25b2.th",
        ),
        _ONE_A_STEM,
    ),
    "htdemucs_6s": Released((f"{_HYBRID}/5c90dfd2-34c22ccb.th",)),
    "mdx_extra": Released(
        (
            f"{_MDX}/e51eebcc-c1b80bdd.th",
            f"{_MDX}/a1d90b5c-ae9d2452.th",
            f"{_MDX}/5d2d6c55-db83574e.th",
            f"{_MDX}/cfa93e08-61801ae1.th",
        ),
        "segment: 44\n",
    ),
}


def available(name: str, folder: Path) -> bool:
    """Whether all files of a model lie in the folder; it may be a user's own."""
    try:
        definition = _defined(name, folder)
        signatures = {_signature(path) for path in folder.glob("*.th")}
    except (OSError, UnicodeDecodeError):
        return False
    return (wanted := _wanted(definition)) != set() and wanted <= signatures


def files(name: str, folder: Path) -> list[Path]:
    """A model's files as far as they lie in the folder."""
    try:
        wanted = _wanted(_defined(name, folder))
    except (OSError, UnicodeDecodeError):
        return []
    return sorted(path for path in folder.glob("*.th") if _signature(path) in wanted)


def damaged(name: str, folder: Path) -> list[str]:
    """The model's files whose bytes have not the hash that stands in their names; reads them all, and blocks."""
    bad = []
    for path in files(name, folder):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not digest.startswith(path.stem.partition("-")[2]):
            bad.append(path.name)
    return bad


def identity(name: str, folder: Path) -> str:
    """What tells these weights from any others of that name: the bag's definition and its files' names, which hold
    their hashes; a file without a hash in its name is read."""
    definition, parts = _defined(name, folder), []
    wanted = _wanted(definition)
    for path in sorted(folder.glob("*.th")):
        if _signature(path) in wanted:
            parts.append(path.name)
            if "-" not in path.stem:
                parts.append(_digest(path))
    return hashlib.sha256("\n".join([definition, *parts]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Finding:
    """A file of weights: ``verdict`` is ok, damaged, or unnamed (its name holds no hash to hold it against)."""

    file: str
    verdict: str


def members(name: str, folder: Path) -> set[str]:
    """The signatures that a model is made of."""
    return _wanted(_defined(name, folder))


def verify(folder: Path, name: str = "") -> list[Finding]:
    """Hold every file of weights, or those of one model, against the hash in its name. Reads them all: blocks."""
    wanted = members(name, folder) if name else None
    found = []
    for path in sorted(folder.glob("*.th")):
        if wanted is not None and _signature(path) not in wanted:
            continue
        named = path.stem.partition("-")[2]
        good = bool(named) and _digest(path).startswith(named)
        found.append(Finding(path.name, "ok" if good else "damaged" if named else "unnamed"))
    return found


def reachable(timeout: float = 2.0, base: str = "") -> bool:
    """Whether the server answers; known within ``timeout`` seconds whatever happens. Blocks."""
    answers: list[bool] = []
    # A daemon: a name server that does not answer must not hold up the end of the process.
    thread = threading.Thread(target=lambda: answers.append(_ask(base, timeout)), daemon=True)
    thread.start()
    thread.join(timeout)
    return answers == [True]


async def problem(name: str, base: str = "", within: float = 2.0) -> str:
    """Return why a model's weights cannot be fetched, in a sentence without a full stop; "" if they
    probably can."""
    if name not in MODELS:
        return str(_unknown(name))
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    answers: list[bool] = []

    def ask() -> None:
        answers.append(reachable(within, base))
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=ask, daemon=True).start()
    with suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), within)
    if answers == [True]:
        return ""
    return f"the weights of {name} are not here and their server cannot be reached"


async def fetch(
    name: str, folder: Path, progress: Progress = lambda _done, _total: None, base: str = ""
) -> None:
    """Fetch what is missing of a model; ``progress`` hears bytes done and of all (0: unknown)."""
    if available(name, folder):
        return
    if name not in MODELS:
        raise _unknown(name)
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        async with httpx.AsyncClient(timeout=timeout, follow_redirects=True) as client:
            download = _Download(client, base or PUBLISHER, progress)
            await download.model(MODELS[name], folder)
        _write(folder / f"{name}.yaml", MODELS[name].definition)
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        raise WeightsError(
            f"the server answered {code} for the weights of {name}; check SFA_WEIGHTS_URL, or "
            'choose the model "spectral"'
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WeightsError(
            f"the weights of {name} cannot be fetched: no connection to their server; try again "
            f'online, put the files into the models folder, or choose the model "spectral"'
        ) from error
    except OSError as error:
        raise WeightsError(
            f"the weights of {name} cannot be kept: {error.strerror}; free some space, or point "
            "SFA_MODELS to another folder"
        ) from error


class _Download:
    def __init__(self, client: httpx.AsyncClient, base: str, progress: Progress) -> None:
        self._client = client
        self._base = base.rstrip("/") + "/"
        self._progress = progress
        self._before = 0  # bytes of finished files
        self._total = 0
        self._told = 0.0

    async def model(self, model: Released, folder: Path) -> None:
        files = [file for file in model.files if not _present(folder / Path(file).name)]
        sizes = [await self._size(file) for file in files]
        self._total = sum(sizes) if all(sizes) else 0
        for file in files:
            target = folder / Path(file).name
            async with _lock(folder / f".{target.name}.lock"):
                if not _present(target):
                    await self._file(self._base + file, target)
            self._before += target.stat().st_size

    async def _size(self, file: str) -> int:
        answer = await self._client.head(self._base + file)
        answer.raise_for_status()
        length = answer.headers.get("content-length", "")
        return int(length) if length.isdigit() else 0

    async def _file(self, url: str, target: Path) -> None:
        part = target.with_name(target.name + ".part")
        for left in reversed(range(RESUMES)):
            start = part.stat().st_size if part.exists() else 0
            try:
                await self._stream(url, part, start)
                break
            except httpx.TransportError:
                grown = part.exists() and part.stat().st_size > start
                if not left or not grown:
                    raise
        await asyncio.to_thread(_accept, part, target)

    async def _stream(self, url: str, part: Path, start: int) -> None:
        headers = {"accept-encoding": "identity"} | ({"range": f"bytes={start}-"} if start else {})
        async with self._client.stream("GET", url, headers=headers) as answer:
            if answer.status_code == 416:  # it was whole, or is another file: the hash will tell
                return
            answer.raise_for_status()
            resumed = answer.status_code == 206
            with part.open("ab" if resumed else "wb") as file:
                done = start if resumed else 0
                async for chunk in answer.aiter_bytes(CHUNK):
                    file.write(chunk)
                    done += len(chunk)
                    self._tell(done)
                file.flush()
                os.fsync(file.fileno())
        self._tell(done, always=True)

    def _tell(self, done: int, always: bool = False) -> None:
        now = time.monotonic()
        if always or now - self._told >= TOLD_SECONDS:
            self._told = now
            self._progress(self._before + done, max(self._total, self._before))


def _accept(part: Path, target: Path) -> None:
    """Give a whole file its name if its hash is the one in that name; throw it away if not."""
    digest = _digest(part)
    if not digest.startswith(target.stem.partition("-")[2]):
        part.unlink()
        raise WeightsError(
            f"what the server sent as {target.name} has another hash ({digest[:8]}) and was thrown "
            "away; try again, or check SFA_WEIGHTS_URL"
        )
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@asynccontextmanager
async def _lock(path: Path) -> AsyncIterator[None]:
    """Hold a file lock; it ends with the process, however that ends."""
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # Polled: a thread that blocks in flock could not be cancelled.
                await asyncio.sleep(0.2)
        yield


def _write(path: Path, text: str) -> None:
    if not path.exists():
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)


def _ask(base: str, timeout: float) -> bool:
    url = (base or PUBLISHER).rstrip("/") + "/" + MODELS["htdemucs"].files[0]
    try:
        return httpx.head(url, timeout=timeout, follow_redirects=True).is_success
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _present(path: Path) -> bool:
    return path.is_file()


def _signature(path: Path) -> str:
    return path.stem.partition("-")[0]


def _defined(name: str, folder: Path) -> str:
    """The bag's yaml: the folder's own, else the released one, else a bag of one."""
    try:
        return (folder / f"{name}.yaml").read_text(encoding="utf-8")
    except FileNotFoundError:
        return MODELS[name].definition if name in MODELS else f"models: ['{name}']"


def _wanted(definition: str) -> set[str]:
    """Return the signatures a bag's yaml names; enough of YAML for Demucs's own files."""
    if found := re.search(r"^models:\s*\[([^\]]*)\]", definition, re.MULTILINE):
        listed = found[1].split(",")
    elif found := re.search(r"^models:[ \t]*\n((?:[ \t]*- .*(?:\n|$))+)", definition, re.MULTILINE):
        listed = [line.strip().removeprefix("- ") for line in found[1].splitlines()]
    else:
        listed = []
    return {name.strip().strip("'\"") for name in listed} - {""}


def _unknown(name: str) -> WeightsError:
    return WeightsError(
        f"no weights of {name} are published or in the models folder; there are {', '.join(MODELS)}"
    )
