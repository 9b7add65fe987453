"""Write finished audio: WAV, FLAC or MP3, sample for sample in sync with what goes in.

wav: 32-bit float by default (a stem may exceed full scale where others cancel it; float keeps that), 24 or 16 bits;
flac: 24 bits by default, or 16; mp3: 320 kbit/s by ffmpeg's LAME, whose header tells every decoder the delay to cut off.
Nothing is rescaled; what exceeds full scale clips in every form but 32-bit float. A WAV beyond 4 GB becomes RF64.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import imageio_ffmpeg
import numpy as np
import soundfile

from sfa.ports.child import InputError, ResourceError
from sfa.ports.children.audio import Block

FORMATS: Final[dict[str, tuple[int, ...]]] = {"wav": (32, 24, 16), "flac": (24, 16), "mp3": (16,)}
MP3_KBITS: Final = 320
# LAME knows the rates of MPEG 1 and 2.
MP3_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
# RIFF counts bytes in 32 bits.
WAV_BYTES: Final = (1 << 32) - (1 << 16)


def checked(form: Any, bits: Any) -> tuple[str, int]:
    """Return format and bits with the default filled in, or raise InputError."""
    if form not in FORMATS:
        raise InputError(f'"format" must be {", ".join(FORMATS)}, not "{form}"')
    if bits is None:
        return form, FORMATS[form][0]
    if bits not in FORMATS[form] or form == "mp3":
        allowed = " or ".join(map(str, FORMATS[form])) if form != "mp3" else "left out"
        raise InputError(f'"bits" of {form} must be {allowed}, not {bits!r}')
    return form, bits


class Encoder:
    """One file being written from (frames, 2) blocks; a context manager."""

    def __init__(self, path: Path, form: str, bits: int, rate: int, frames: int) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._sound: Any = None
        self._path = path
        if form == "mp3":
            self._process = _lame(path, rate)
            return
        subtype = "FLOAT" if bits == 32 else f"PCM_{bits}"
        large = frames * 2 * bits // 8 > WAV_BYTES
        container = "RF64" if form == "wav" and large else form.upper()
        self._sound = soundfile.SoundFile(path, "w", rate, 2, subtype, format=container)

    def __enter__(self) -> Encoder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            if error is not None:
                self._process.kill()
            self._finish(self._process, judge=error is None)
        if self._sound is not None:
            self._sound.close()
            _forget_time(self._path)

    def write(self, block: Block) -> None:
        """Append a block."""
        if self._sound is not None:
            self._sound.write(block)
            return
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(block, "<f4").data)
        except BrokenPipeError:
            self._finish(self._process, judge=True)

    def _finish(self, process: subprocess.Popen[bytes], judge: bool) -> None:
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            process.stdin.close()
        except BrokenPipeError:
            judge = True
        words = process.stderr.read().decode("utf-8", "replace").strip()
        process.stderr.close()
        if process.wait() and judge:
            raise ResourceError(f"the MP3 encoder failed: {words.splitlines()[-1:]}")


def _lame(path: Path, rate: int) -> subprocess.Popen[bytes]:
    if rate not in MP3_RATES:
        raise InputError(f"MP3 knows no sample rate of {rate} Hz; choose wav or flac")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error"]
    command += ["-f", "f32le", "-ar", str(rate), "-ac", "2", "-i", "pipe:0"]
    command += ["-c:a", "libmp3lame", "-b:a", f"{MP3_KBITS}k", "-map_metadata", "-1"]
    command += ["-f", "mp3", "-y", f"file:{path}"]
    try:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise ResourceError(f"ffmpeg cannot be started: {error.strerror}") from None


def _forget_time(path: Path) -> None:
    """Zero the time that libsndfile writes into a float WAV's PEAK chunk: the same work, the same bytes."""
    with path.open("r+b") as file:
        at = file.read(4096).find(b"PEAK")
        if at > 0:
            file.seek(at + 12)  # past the name, the size and the version
            file.write(bytes(4))
