"""Let stems grow on disk so that a kill costs at most what was not written yet; then give them their form.

While they grow, stems are raw float32 in a folder that outlives the request (``work``): appended a piece at a time,
then the state (overlap-add, checks) is replaced in one rename, then a checkpoint is sent. A request that is handed
``resume`` goes on from the state if it is of the same work, cuts off what lies beyond it, and comes to the same bytes.
With ``pieces`` every piece is also written as a little FLAC of its own (16 bits), pieces/NUMBER.FIRST.FRAMES.RATE.STEM.flac,
and named in the checkpoint, so that what is done can be played. At the end each stem is encoded into ``out`` under a hidden name, and named when all are whole.
A lock in the folder keeps an attempt that was given up, and works on, out of its successor's way.
Limits: the state is not forced to the disk: after a crash of the whole machine the work starts again (it is known by
the machine's boot). A folder is good for one request at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import numpy as np

from sfa.ports.child import Call, ResourceError
from sfa.ports.children.audio import Block
from sfa.ports.children.encoders import Encoder
from sfa.ports.children.levels import Meter

LOCK_SECONDS: Final = 15.0
FRAME: Final = 8  # bytes of two float32
BLOCK: Final = 1 << 16
State = dict[str, Any]


class Growing:
    """A set of growing stems, (frames, 2) each; a context manager.

    Options:
        folder: where they grow; removed when they are finished.
        names, rate, frames: of the stems; ``frames`` may be an estimate.
        work: all that decides the output; only the same work is resumed.
    """

    def __init__(
        self, folder: Path, names: list[str], rate: int, frames: int, work: object, call: Call
    ) -> None:
        self.names, self.rate, self.frames = names, rate, frames
        self.written = 0
        self.pieces = 0
        self.state: State = {}
        self.folder = folder
        self._call = call
        self._mark = hashlib.sha256(json.dumps([work, names, rate, _boot()]).encode()).hexdigest()
        self._stack = ExitStack()
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> Growing:
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def append(self, parts: Mapping[str, Block], state: Mapping[str, Any]) -> None:
        """Write the next piece, and how to go on after it."""
        size = len(next(iter(parts.values())))
        for name in self.names:
            self._files[name].write(np.ascontiguousarray(parts[name], "<f4").data)
        for file in self._files.values():
            file.flush()
        told: dict[str, Any] = {"frames": self.written + size, "of": self.frames}
        if self._call.args.get("pieces"):
            told["piece"] = self._piece(parts, size)
            self.pieces += 1
        self.written += size
        kept = {**state, "mark": self._mark, "written": self.written, "pieces": self.pieces}
        partial = self.folder / "state.part"
        with partial.open("wb") as file:
            np.savez(file, **kept)
        partial.replace(self.folder / "state.npz")
        self._call.checkpoint(told)

    def finish(self, out: Path, form: str, bits: int) -> list[dict[str, Any]]:
        """Encode the stems into ``out``, name them when all are whole, and describe them."""
        out.mkdir(parents=True, exist_ok=True)
        for file in self._files.values():
            file.close()
        partial = {name: out / f".{name}.{form}.part" for name in self.names}
        try:
            described = [
                self._encode(name, partial[name], form, bits, number / len(self.names))
                for number, name in enumerate(self.names)
            ]
            for name, path in partial.items():
                path.replace(out / f"{name}.{form}")
        finally:
            for path in partial.values():
                path.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        return described

    def _encode(self, name: str, path: Path, form: str, bits: int, done: float) -> dict[str, Any]:
        meter = Meter(self.written)
        raw = self._raw(name)
        with Encoder(path, form, bits, self.rate, self.written) as encoder:
            for block in _blocks(raw):
                meter.feed(block)
                encoder.write(block)
                share = done + meter.seen / max(1, self.written) / len(self.names)
                self._call.progress(98 + share, "writing")
        raw.unlink()  # one stem at a time lies there twice
        if (form, bits) != ("wav", 32) and meter.peak > 1:
            self._call.log(f"{name} clips in {form}; wav with 32 bits keeps it", "warning")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {
            "stem_type": name,
            "file": f"{name}.{form}",
            "duration_ms": round(1000 * meter.seen / self.rate),
            "sample_rate": self.rate,
            "channels": 2,
            "rms_db": meter.rms_db,
            "peak_db": meter.peak_db,
            "bytes": path.stat().st_size,
            "sha256": digest,
            "peaks": meter.peaks(),
        }

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock()
        if self._call.args.get("resume"):
            self.state = self._saved()
        self.written = int(self.state.get("written", 0))
        self.pieces = int(self.state.get("pieces", 0))
        if not self.written:
            for left in self.folder.iterdir():
                if left.name != "lock":
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
        for name in self.names:
            file = self._stack.enter_context(self._raw(name).open("ab"))
            file.truncate(self.written * FRAME)
            file.seek(0, os.SEEK_END)
            self._files[name] = file
        (self.folder / "pieces").mkdir(exist_ok=True)

    def _lock(self) -> None:
        file = self._stack.enter_context((self.folder / "lock").open("w"))
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                self._call.check()
                if time.monotonic() > deadline:
                    raise ResourceError(
                        "an earlier attempt still works on these stems; try again later"
                    ) from None
                time.sleep(0.1)

    def _saved(self) -> State:
        """The state, if it is of this work and its stems are all there; else nothing."""
        try:
            with np.load(self.folder / "state.npz", allow_pickle=False) as saved:
                state = {name: saved[name] for name in saved.files}
            wanted = int(state["written"]) * FRAME
            whole = all(self._raw(name).stat().st_size >= wanted for name in self.names)
        except (OSError, ValueError, KeyError, EOFError):
            return {}
        return state if whole and str(state["mark"]) == self._mark else {}

    def _piece(self, parts: Mapping[str, Block], size: int) -> dict[str, Any]:
        files = {}
        for name in self.names:
            place = f"{self.pieces:05d}.{self.written}.{size}.{self.rate}"
            files[name] = f"pieces/{place}.{name}.flac"
            with Encoder(self.folder / files[name], "flac", 16, self.rate, size) as encoder:
                encoder.write(parts[name])
        return {
            "number": self.pieces,
            "first": self.written,
            "frames": size,
            "rate": self.rate,
            "files": files,
        }

    def _raw(self, name: str) -> Path:
        return self.folder / f"{name}.f32"


def _blocks(path: Path) -> Iterator[Block]:
    with path.open("rb") as file:
        while data := file.read(BLOCK * FRAME):
            yield np.frombuffer(data, "<f4").reshape(-1, 2)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
