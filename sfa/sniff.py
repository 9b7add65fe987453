"""Tell an audio file by its first bytes, whatever its name says.

A cheap door-keeper for uploads: it knows the containers that SFA reads, and says nothing about whether the rest of
the file can be decoded; the port that reads the file does.
"""

from __future__ import annotations

HEAD = 4096
"""How many bytes of a file `audio_format` wants to see."""

CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "wma": "audio/x-ms-wma",
    "webm": "audio/webm",
    "mp4": "audio/mp4",
    "zip": "application/zip",
}
"""The media type of each format that `audio_format` can answer, and of what exports are made as."""


def audio_format(head: bytes) -> str | None:
    """The format that a file beginning with ``head`` has (a key of `CONTENT_TYPES`), or None: not audio."""
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "opus" if b"OpusHead" in head[:128] else "ogg"
    if head[4:8] == b"ftyp":
        return "m4a"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "webm"
    if head[:16] == bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"):
        return "wma"
    if head[:3] == b"ID3":
        return "mp3"
    return _mpeg(head)


def _mpeg(head: bytes) -> str | None:
    """Bare MPEG or ADTS frames have no magic, only a sync word: believe two headers in a row, not one."""
    start = len(head) - len(head.lstrip(b"\x00"))
    if len(head) < start + 4:
        return None
    if head[start] != 0xFF or head[start + 1] & 0xE0 != 0xE0:
        return None
    if head[start + 1] & 0xF6 == 0xF0:
        return _followed(head, start, _adts_length(head, start), "aac")
    return _followed(head, start, _mp3_length(head, start), "mp3")


def _followed(head: bytes, start: int, length: int | None, name: str) -> str | None:
    if length is None:
        return None
    following = start + length
    if following + 1 >= len(head):
        return name
    return name if head[following] == 0xFF and head[following + 1] & 0xE0 == 0xE0 else None


def _adts_length(head: bytes, at: int) -> int | None:
    if len(head) < at + 6:
        return None
    length = (head[at + 3] & 3) << 11 | head[at + 4] << 3 | head[at + 5] >> 5
    return length if length > 7 else None


def _mp3_length(head: bytes, at: int) -> int | None:
    version, layer = head[at + 1] >> 3 & 3, head[at + 1] >> 1 & 3
    bitrate_index, rate_index, padding = (
        head[at + 2] >> 4,
        head[at + 2] >> 2 & 3,
        head[at + 2] >> 1 & 1,
    )
    if version == 1 or layer != 1 or bitrate_index in (0, 15) or rate_index == 3:
        return None
    mpeg1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    mpeg2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    rate = (44100, 48000, 32000)[rate_index] >> {3: 0, 2: 1, 0: 2}[version]
    bitrate = (mpeg1 if version == 3 else mpeg2)[bitrate_index] * 1000
    return (144 if version == 3 else 72) * bitrate // rate + padding
