"""Read any audio file in blocks of float32, and mix it to stereo.

The content decides, never the name: libsndfile first (wav, flac, ogg, opus, mp3, aiff, …), ffmpeg
for what it cannot read (m4a, aac, wma, the sound of a video), decoded once into an unlinked
temporary file. Blocks keep memory bounded whatever the length; samples that are not finite become 0.
Down-mix to stereo: front as it is, centre and surround at −3 dB, LFE dropped, the sum scaled by one
constant so that it cannot clip; mono goes to both sides. Channel order is taken to be WAV's.
Limits: 1 to 8 channels; of several streams in a file the first.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final

import imageio_ffmpeg
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from sfa.ports.child import Call, InputError, ResourceError

Block = NDArray[np.float32]

BLOCK: Final = 1 << 17
MAX_RATE: Final = 768_000
# Anything louder is no audio; it would overflow what is computed from it.
MAX_SAMPLE: Final = np.float32(1e4)
# What one step of 16 bits is worth.
STEP: Final = np.float32(2**-15)
FORMATS: Final = "wav, flac, mp3, ogg, opus, aiff, m4a, aac or wma"
# A playlist in disguise must not make ffmpeg open other files or addresses.
DEMUXERS: Final = (
    "mov,matroska,webm,asf,aac,ac3,eac3,dts,amr,ape,avi,caf,flac,flv,mp3,mpeg,mpegts,mpc,mpc8,"
    "ogg,tak,tta,w64,wav,wv,aiff,au,loas,latm"
)
_S: Final = 0.5**0.5
# Left and right gain of each channel, by the number of channels.
_LEFT: Final[dict[int, tuple[float, ...]]] = {
    3: (1, 0, _S),
    4: (1, 0, _S, 0),
    5: (1, 0, _S, _S, 0),
    6: (1, 0, _S, 0, _S, 0),
    7: (1, 0, _S, 0, _S * _S, _S, 0),
    8: (1, 0, _S, 0, _S, 0, _S, 0),
}
_SWAPPED: Final[dict[int, tuple[int, ...]]] = {
    3: (1, 0, 2),
    4: (1, 0, 3, 2),
    5: (1, 0, 2, 4, 3),
    6: (1, 0, 2, 3, 5, 4),
    7: (1, 0, 2, 3, 4, 6, 5),
    8: (1, 0, 2, 3, 5, 4, 7, 6),
}


class Track:
    """An open audio file; every ``blocks`` or ``stereo`` starts again at its beginning."""

    def __init__(self, path: Path, call: Call | None = None) -> None:
        self.name = path.name or "the path"
        self._stack = ExitStack()
        try:
            self._sound = self._open(path, call)
        except BaseException:
            self._stack.close()
            raise
        self.sample_rate: int = self._sound.samplerate
        self.channels: int = self._sound.channels
        self.frames: int = self._sound.frames
        try:
            self._check()
        except InputError:
            self._stack.close()
            raise

    def __enter__(self) -> Track:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames / self.sample_rate

    def blocks(self, size: int = BLOCK) -> Iterator[Block]:
        """Yield (frames, channels) at the file's own rate."""
        self._sound.seek(0)
        # What is kept in 16 bits is read as it is: libsndfile takes four times as long to make floats of it as NumPy.
        short = self._sound.subtype == "PCM_16"
        while True:
            try:
                block = self._sound.read(
                    size, dtype="int16" if short else "float32", always_2d=True
                )
            except soundfile.LibsndfileError:
                at = self._sound.tell() / self.sample_rate
                raise InputError(
                    f"{self.name} is damaged after {at:.0f} s; give an intact copy"
                ) from None
            if not len(block):
                return
            yield np.multiply(block, STEP, dtype=np.float32) if short else finite(block)

    def stereo(self, rate: int | None = None, size: int = BLOCK) -> Iterator[Block]:
        """Yield (frames, 2), down-mixed, at the given rate."""
        stream = None
        if rate is not None and rate != self.sample_rate:
            stream = soxr.ResampleStream(self.sample_rate, rate, 2, dtype="float32", quality="HQ")
        for block in self.blocks(size):
            pair = to_stereo(block)
            if stream is not None:
                pair = stream.resample_chunk(pair)
            if len(pair):
                yield pair
        if stream is not None:
            rest = stream.resample_chunk(np.zeros((0, 2), np.float32), last=True)
            if len(rest):
                yield rest

    def _open(self, path: Path, call: Call | None) -> Any:
        try:
            file = self._stack.enter_context(path.open("rb"))
            size = os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            raise InputError(f"{self.name}: no such file") from None
        except OSError as error:
            raise InputError(f"{self.name} cannot be opened: {error.strerror}") from None
        if size == 0:
            raise InputError(f"{self.name} is empty; give a file with sound in it")
        try:
            # By descriptor: given a name, libsndfile lets the suffix decide.
            sound = self._stack.enter_context(soundfile.SoundFile(file.fileno(), closefd=False))
            # Ogg's own order of channels has the centre second; libsndfile hands it on, and fails at more than six of Opus.
            if sound.channels <= 2 or sound.subtype not in ("VORBIS", "OPUS"):
                return sound
        except soundfile.LibsndfileError:
            pass
        decoded = self._stack.enter_context(_transcode(path, call))
        try:
            return self._stack.enter_context(soundfile.SoundFile(decoded.fileno(), closefd=False))
        except soundfile.LibsndfileError:
            raise _unreadable(self.name) from None

    def _check(self) -> None:
        if self.channels not in (1, 2, *_LEFT):
            raise InputError(f"{self.name} has {self.channels} channels; mix it down to at most 8")
        if not 1000 <= self.sample_rate <= MAX_RATE:
            raise InputError(
                f"{self.name} has a sample rate of {self.sample_rate} Hz, not 1–768 kHz"
            )
        if self.frames <= 0:
            raise InputError(f"{self.name} holds no sound; give a file with sound in it")


def finite(block: Block) -> Block:
    """Return the block with NaN and infinity as 0 and monstrous samples bounded."""
    # Either is NaN if one sample is.
    if block.max(initial=0) <= MAX_SAMPLE and block.min(initial=0) >= -MAX_SAMPLE:
        return block
    block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(block, -MAX_SAMPLE, MAX_SAMPLE)


def to_stereo(block: Block) -> Block:
    """Mix (frames, channels) to (frames, 2)."""
    count = block.shape[1]
    if count == 2:
        return block
    if count == 1:
        return np.repeat(block, 2, axis=1)
    left = np.array(_LEFT[count], np.float32)
    gains = np.stack([left, left[list(_SWAPPED[count])]], axis=1)
    mixed: Block = block @ (gains / left.sum())
    return mixed


def _unreadable(name: str) -> InputError:
    return InputError(f"{name} is not audio that can be read; give a {FORMATS} file")


def _transcode(path: Path, call: Call | None) -> IO[bytes]:
    """Decode the first audio stream into an unlinked file that vanishes with this process."""
    # Bounded by the disk, not by memory; TMPDIR chooses where.
    target = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error"]
    # A playlist in disguise must not make ffmpeg open other files or addresses.
    command += ["-protocol_whitelist", "file,pipe,fd", "-format_whitelist", DEMUXERS]
    command += ["-i", f"file:{path}", "-map", "0:a:0"]
    # Not Wave64: of more than two channels or 48 kHz, libsndfile takes ffmpeg's floats for whole numbers there.
    command += ["-c:a", "pcm_f32le", "-f", "wav", "-rf64", "auto", "-y"]
    command += [f"file:/dev/fd/{target.fileno()}"]
    try:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[target.fileno()],
            preexec_fn=_die_with_parent,  # one system call, from a library already loaded
        ) as process:
            try:
                while process.poll() is None:
                    if call is not None:
                        call.check()
                    try:
                        process.wait(0.1)
                    except subprocess.TimeoutExpired:
                        continue
            except BaseException:
                process.kill()
                raise
    except OSError as error:
        target.close()
        raise ResourceError(f"ffmpeg cannot be started: {error.strerror}") from None
    except BaseException:
        target.close()
        raise
    # Judged by what came out: ffmpeg fails on a damaged end though most was decoded.
    if os.fstat(target.fileno()).st_size == 0:
        target.close()
        raise _unreadable(path.name)
    target.seek(0)
    return target


_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(1, int(signal.SIGKILL), 0, 0, 0)
