"""Put stems together again: one mix with gains, a zip of them, or a .stem.mp4 (Native Instruments' format).

Op ``export``: stems ([{name, path}, …], all of one rate and length), out (a folder), package mix | zip | stem.mp4; optional:
gains ({name: dB}, for a mix; a stem without one is left out; none at all: every stem but no_NAME as it is), format,
bits, title, artist. Answers file, suffix, bytes, sha256, and for a mix peak_db.
The same stems and options make the same bytes. Nothing is rescaled: a mix beyond full scale clips in every form but
32-bit float, and the log says so. In a .stem.mp4 the first stream is the sum of all stems, then come drums, bass, other
(with what else there is: guitar, piano) and vocals; stereo AAC at 256 kbit/s, or ALAC with 24 bits.
Limit: a mix is in memory a block at a time; a .stem.mp4 needs five times the track as float on the disk.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import imageio_ffmpeg
import numpy as np
import soundfile

from sfa.ports.child import Call, InputError, ResourceError
from sfa.ports.children import encoders, stem_atom
from sfa.ports.children.audio import Block
from sfa.ports.children.encoders import Encoder

PACKAGES: Final = ("mix", "zip", "stem.mp4")
FOUR: Final = ("drums", "bass", "other", "vocals")
CODECS: Final = {
    "aac": ("-c:a", "aac", "-b:a", "256k"),
    "alac": ("-c:a", "alac", "-sample_fmt", "s32p"),
}
BLOCK: Final = 1 << 16
# What a zip says of when its files were made: the same stems, the same bytes.
ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Stem:
    """One stem's file."""

    name: str
    path: Path
    form: str
    rate: int
    frames: int

    def blocks(self) -> Iterator[Block]:
        """Yield (frames, 2)."""
        with soundfile.SoundFile(self.path) as file:
            while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
                yield block


def export(call: Call) -> dict[str, Any]:
    """Answer an ``export`` request."""
    package, out = call.args.get("package", "mix"), Path(call.text("out"))
    if package not in PACKAGES:
        raise InputError(f'"package" must be {", ".join(PACKAGES)}, not "{package}"')
    stems = _opened(call)
    out.mkdir(parents=True, exist_ok=True)
    extra: Mapping[str, Any] = {}
    if package == "mix":
        form, bits = encoders.checked(call.args.get("format", "wav"), call.args.get("bits"))
        path = out / f"mix.{form}"
        extra = _mix(call, stems, _gains(call, stems), path, form, bits)
    elif package == "zip":
        path = out / "stems.zip"
        _zip(call, stems, path)
    else:
        path = out / "track.stem.mp4"
        _stem_mp4(call, stems, path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    suffix = package if package != "mix" else path.suffix[1:]
    size = path.stat().st_size
    return {"file": path.name, "suffix": suffix, "bytes": size, "sha256": digest, **extra}


def mixed(stems: list[Stem], gains: Mapping[str, float]) -> Iterator[Block]:
    """Yield the sum of the stems with their gains (linear), added in the order of the stems."""
    chosen = [(stem.blocks(), np.float32(gains[stem.name])) for stem in stems if stem.name in gains]
    while True:
        total: Block | None = None
        for blocks, gain in chosen:
            block = next(blocks, None)
            if block is None:
                return
            part = block if gain == 1 else block * gain
            total = part if total is None else total + part
        if total is None:
            return
        yield total


def _opened(call: Call) -> list[Stem]:
    given = call.args.get("stems")
    if not isinstance(given, list) or not given:
        raise InputError('"stems" must be a list of {"name": …, "path": …}')
    stems = []
    for entry in given:
        try:
            name, path = str(entry["name"]), Path(entry["path"])
            info = soundfile.info(path)
        except (KeyError, TypeError):
            raise InputError('"stems" must be a list of {"name": …, "path": …}') from None
        except (soundfile.LibsndfileError, OSError):
            raise InputError("a stem cannot be read; separate the track again") from None
        if info.channels != 2:
            raise InputError(f"{name} is not stereo")
        form = str(entry.get("format") or path.suffix[1:])
        stems.append(Stem(name, path, form, info.samplerate, info.frames))
    if len({(stem.rate, stem.frames) for stem in stems}) > 1:
        raise InputError("the stems differ in rate or length: they are not of one separation")
    return stems


def _gains(call: Call, stems: list[Stem]) -> dict[str, float]:
    asked = call.args.get("gains")
    names = [stem.name for stem in stems]
    if asked is None:
        plain = [name for name in names if not name.startswith("no_")]
        return dict.fromkeys(plain or names[:1], 1.0)
    if not isinstance(asked, dict) or not asked or (wrong := [n for n in asked if n not in names]):
        named = f", not {wrong[0]!r}" if isinstance(asked, dict) and asked else ""
        raise InputError(f'"gains" gives dB to stems out of {", ".join(names)}{named}')
    if not all(isinstance(gain, int | float) and -60 <= gain <= 12 for gain in asked.values()):
        raise InputError('"gains" lie between -60 and 12 dB')
    return {name: 10 ** (gain / 20) for name, gain in asked.items()}


def _mix(
    call: Call, stems: list[Stem], gains: dict[str, float], path: Path, form: str, bits: int
) -> dict[str, Any]:
    peak, done, frames = 0.0, 0, max(1, stems[0].frames)
    with Encoder(path, form, bits, stems[0].rate, frames) as encoder:
        for block in mixed(stems, gains):
            peak = max(peak, float(np.abs(block).max(initial=0)))
            encoder.write(block)
            done += len(block)
            call.progress(98 * done / frames, "mixing")
    if peak > 1 and (form, bits) != ("wav", 32):
        call.log(f"the mix clips in {form}; lower its gains, or take wav with 32 bits", "warning")
    return {"peak_db": round(float(20 * np.log10(max(peak, 1e-10))), 2)}


def _zip(call: Call, stems: list[Stem], path: Path) -> None:
    """Put the stems in as they are, or turned into a format that was asked for."""
    asked = "format" in call.args or "bits" in call.args
    form, bits = encoders.checked(call.args.get("format", "wav"), call.args.get("bits"))
    title = _plain(str(call.args.get("title") or ""))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number, stem in enumerate(stems):
            source, suffix = stem.path, stem.form
            if asked:
                suffix, source = form, path.with_name(f"{number}.{form}")
                with Encoder(source, form, bits, stem.rate, stem.frames) as encoder:
                    for block in stem.blocks():
                        encoder.write(block)
                        call.check()
            name = f"{title} - {_plain(stem.name)}" if title else _plain(stem.name)
            entry = zipfile.ZipInfo(f"{name}.{suffix}", ZIP_TIME)
            entry.external_attr = 0o644 << 16
            entry.file_size = source.stat().st_size
            with source.open("rb") as file, archive.open(entry, "w") as into:
                while data := file.read(1 << 20):
                    into.write(data)
                    call.check()
            if asked:
                source.unlink()
            call.progress(98 * (number + 1) / len(stems), "packing")


def _stem_mp4(call: Call, stems: list[Stem], path: Path) -> None:
    codec = call.args.get("format", "aac")
    if codec not in CODECS:
        raise InputError(f'"format" of a .stem.mp4 must be {" or ".join(CODECS)}, not "{codec}"')
    plain = {stem.name: stem for stem in stems if not stem.name.startswith("no_")}
    if lacking := [name for name in FOUR if name not in plain]:
        raise InputError(f"a .stem.mp4 needs {', '.join(FOUR)}; there is no {lacking[0]}")
    others = [name for name in plain if name not in FOUR or name == "other"]
    groups = [list(plain), ["drums"], ["bass"], others, ["vocals"]]
    with ExitStack() as stack:
        files = []
        for number, names in enumerate(groups):
            file = path.with_name(f"{number}.wav")
            stack.callback(file.unlink, missing_ok=True)
            parts = [plain[name] for name in names]
            _mix(call, parts, dict.fromkeys(names, 1.0), file, "wav", 32)
            files.append(file)
        call.progress(98, "encoding")
        tags = {name: str(call.args[name]) for name in ("title", "artist") if call.args.get(name)}
        _mux(call, files, tags, CODECS[codec], path)
    stem_atom.add(path, [name.capitalize() for name in FOUR])


def _mux(
    call: Call, files: list[Path], tags: Mapping[str, str], codec: tuple[str, ...], path: Path
) -> None:
    """Encode five streams into one file; only the first is enabled, so that plain players play the mix."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error"]
    for file in files:
        command += ["-i", f"file:{file}"]
    for number in range(len(files)):
        command += ["-map", f"{number}:a"]
    command += [*codec, "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    for number in range(len(files)):
        command += [f"-disposition:a:{number}", "default" if number == 0 else "0"]
    for name, value in tags.items():
        command += ["-metadata", f"{name}={value}"]
    command += ["-brand", "M4A ", "-f", "mp4", "-y", f"file:{path}"]
    words = b""
    try:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            try:
                while process.returncode is None:
                    with suppress(subprocess.TimeoutExpired):
                        _, words = process.communicate(timeout=1)
                    call.check()
            except BaseException:
                process.kill()
                raise
    except OSError as error:
        raise ResourceError(f"ffmpeg cannot be started: {error.strerror}") from None
    if process.returncode:
        last = words.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise ResourceError(f"ffmpeg could not write the .stem.mp4: {last}")


def _plain(text: str) -> str:
    """A text as part of a file's name inside of a zip, on every system."""
    words = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]+', " ", text).split()
    return " ".join(words)[:100].strip(" .")
