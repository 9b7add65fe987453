"""Find a song's recording, fetch it, convert and tag it: spotdl's own code, one song a call.

The work lies in ``out``, which outlives the call: yt-dlp goes on with a half-fetched file there, and a song that is
done (``done.json``, written last) is not fetched again. The song's facts come from whoever asks, so no Spotify account is
needed. What was found is refused as soon as it is known to be too large, no audio, or of another length than the song.
Opus as YouTube has it is kept bit for bit; a file of another kind keeps its own format where the address shows it.

Arguments:
    song: title, artists; without it the address says what it is. album, album_artist, album_id, track_number, tracks_count, disc_number, date,
        isrc, explicit, cover_url, duration_ms, spotify_id.
    out: folder for the work and the result.
    address: where the audio is; without one it is searched for.
    providers: where to search, in order (youtube-music, youtube).
    search: address that answers ?q=… with JSON, a list of {url, name, artists, duration, verified}: searched instead.
    tolerance_ms: how far the length may be off (10,000).
    max_bytes: largest file (1 GB).
    private: whether private and loopback addresses may be connected to (false).
    ffmpeg: the program to convert with.

Result: file (a name in out), format, sha256, bytes, address, cover (a name in out, or null), facts (what the source calls
it, where the request does not: title, artist).
Errors: input where the same call would fail again (nothing found, gone, no audio), resource where it may work later.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from spotdl.download.downloader import AUDIO_PROVIDERS, Downloader
from spotdl.providers.audio import AudioProvider
from spotdl.types.song import Song
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import ExtractorError, UnsupportedError

from sfa.ports.child import Call, Cancelled, InputError, ResourceError
from sfa.ports.children import fence
from sfa.ports.children.picture import picture_of
from sfa.ports.children.search import own_search
from sfa.ports.children.tracker import Tracker

DONE: Final = "done.json"
KEEPING: Final = ("mp3", "flac", "ogg", "opus", "m4a")
PATIENCE: Final = "20"
PROVIDERS: Final = ("youtube-music", "youtube")


def download(call: Call) -> Mapping[str, Any]:
    """The op; see the module."""
    out = Path(call.text("out")).resolve()
    if (done := _done(out)) is not None:
        call.progress(99, "fetched before")
        return done
    out.mkdir(parents=True, exist_ok=True)
    fence.allow(bool(call.args.get("private")))
    address = str(call.args.get("address") or "")
    # spotdl keeps its temporary files and its settings under the home folder: each song has its own.
    os.environ["HOME"] = str(out)
    # It mends every part of a file's path that it does not like; of a bare name there is nothing to mend.
    os.chdir(out)
    logging.getLogger("spotdl").setLevel(logging.CRITICAL)
    form = _format(address)
    tracker = Tracker(call)
    try:
        settings = _settings(call, form)
        song, told = _named(call, tracker, address, settings)
        fetcher = Downloader(settings)
        fetcher.progress_handler.get_new_tracker = lambda _song: tracker
        found, path = fetcher.download_song(song)
        if path is None:
            raise _reason(call, tracker, fetcher.errors)
        return _finish(out, out / path, form, str(found.download_url), told)
    finally:
        os.chdir("/")


def _named(
    call: Call, tracker: Tracker, address: str, settings: Mapping[str, Any]
) -> tuple[Song, Mapping[str, str]]:
    """The song, and what its source calls it where the request does not."""
    facts, told = call.args.get("song"), {}
    if address and not facts:
        facts = _described(call, tracker, address, settings)
        told = {"title": str(facts["title"]), "artist": ", ".join(facts["artists"])}
    if not isinstance(facts, Mapping) or not facts.get("title"):
        raise InputError('the request needs "song" with a title, or an "address"')
    song = _song(facts)
    tracker.seconds = song.duration
    if address:
        song.download_url = address
    return song, told


def _described(
    call: Call, tracker: Tracker, address: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What a page says of its recording."""
    call.progress(2, "asking the source")
    provider = AudioProvider(output_format=settings["format"], yt_dlp_args=settings["yt_dlp_args"])
    try:
        info = provider.get_download_metadata(address)
    except Exception as error:
        tracker.error = error
        raise _reason(call, tracker, []) from error
    if info.get("_type") == "playlist":
        raise InputError("this page holds a list of recordings; give the address of one of them")
    artist = info.get("artist") or info.get("uploader") or info.get("channel")
    return {
        "title": str(info.get("track") or info.get("title") or info.get("id") or "recording")[:500],
        "artists": [str(artist)[:500]] if artist else [],
        "album": info.get("album"),
        "cover_url": info.get("thumbnail"),
    }


def _song(facts: Mapping[str, Any]) -> Song:
    """The song as spotdl knows songs; every field filled, or it would ask Spotify."""
    artists = [str(name) for name in facts.get("artists") or [] if name] or ["Unknown artist"]
    date = str(facts.get("date") or "")
    ident = str(facts.get("spotify_id") or "")
    return Song(
        name=str(facts["title"]), artists=artists, artist=artists[0], genres=[],
        disc_number=int(facts.get("disc_number") or 1), disc_count=1,
        album_name=str(facts.get("album") or ""), album_artist=str(facts.get("album_artist") or artists[0]),
        duration=round(int(facts.get("duration_ms") or 0) / 1000), year=int(date[:4]) if date[:4].isdigit() else 0, date=date,
        track_number=int(facts.get("track_number") or 1), tracks_count=int(facts.get("tracks_count") or 1),
        song_id=ident, explicit=bool(facts.get("explicit")), publisher="",
        url=f"https://open.spotify.com/track/{ident}", isrc=str(facts.get("isrc") or ""),
        cover_url=facts.get("cover_url"), copyright_text="", album_id=str(facts.get("album_id") or ""), artist_id="",
    )  # fmt: skip


def _format(address: str | None) -> str:
    ending = urlsplit(address or "").path.rpartition(".")[2].lower()
    return ending if ending in KEEPING else "opus"


def _settings(call: Call, form: str) -> dict[str, Any]:
    providers = list(call.args.get("providers") or PROVIDERS)
    if search := call.args.get("search"):
        AUDIO_PROVIDERS["own"] = own_search(str(search))
        providers = ["own"]
    elif call.args.get("address"):
        providers = ["youtube"]  # It is not asked; the other one connects as soon as it is made.
    ffmpeg = str(call.args.get("ffmpeg") or "ffmpeg")
    options = ["--no-playlist", "--fixup", "never", "--socket-timeout", PATIENCE]
    options += ["--ffmpeg-location", ffmpeg]
    return {
        "audio_providers": providers,
        "lyrics_providers": [],
        "output": "song.{output-ext}",
        "format": form,
        "bitrate": "disable",
        "ffmpeg": ffmpeg,
        "overwrite": "force",
        "threads": 1,
        "simple_tui": True,
        "yt_dlp_args": shlex.join(options),
    }


def _finish(
    out: Path, path: Path, form: str, address: str, named: Mapping[str, str]
) -> dict[str, Any]:
    """Name what there is; from here on it is not fetched again."""
    cover = None
    if (image := picture_of(path)) is not None:
        cover = "cover"
        (out / cover).write_bytes(image)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    told = {
        "file": path.name, "format": form, "sha256": digest, "bytes": path.stat().st_size, "address": address, "cover": cover,
        "facts": dict(named),
    }  # fmt: skip
    staged = out / f"{DONE}.new"
    staged.write_text(json.dumps(told))
    staged.replace(out / DONE)
    return told


def _done(out: Path) -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = json.loads((out / DONE).read_text())
        return told if (out / told["file"]).stat().st_size == told["bytes"] else None
    except (OSError, ValueError, KeyError):
        return None


def _reason(call: Call, tracker: Tracker, errors: list[str]) -> Exception:
    """Why there is no file, as an exception of the protocol's."""
    if call.cancelled.is_set():
        return Cancelled("cancelled")
    if (refused := fence.refused()) is not None:
        return refused
    if tracker.verdict is not None:
        return tracker.verdict
    found = list(_chain(tracker.error))
    # The server's own answer says more than what was made of it.
    for error in sorted(found, key=lambda error: not isinstance(error, HTTPError)):
        match error:
            case HTTPError(status=status):
                said, passing = f"the server answered {status}", status in (408, 425, 429)
                if 400 <= status < 500 and not passing:
                    return InputError(f"{said} for this address")
                return ResourceError(f"{said}; it may work later")
            case InputError():
                return error
            case LookupError():
                return InputError(
                    "no recording of this song was found; give its audio_address, or upload the file"
                )
            case UnsupportedError():
                return InputError("the address leads to no audio that can be fetched")
            case ExtractorError(expected=True):
                return InputError(f"the source refuses: {str(error.orig_msg)[:200]}")
    last = tracker.error
    if last is None:
        return ResourceError((errors or ["the download ended without a file"])[-1][:300])
    if type(last).__name__ == "FFmpegError":
        return InputError(
            "what was fetched can't be read as audio: it is damaged or something else"
        )
    texts = [_plain(str(error)) for error in reversed(found)]
    said = next((text for text in texts if text), type(last).__name__)
    # How yt-dlp reports a body without a byte, through spotdl.
    if "" in texts:
        return InputError("the address leads to an empty file")
    return ResourceError(f"the download broke off: {said[:200]}")


def _plain(text: str) -> str:
    """A library's message without its colours and its name for errors, in one line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return " ".join(text.split()).removeprefix("ERROR:").strip()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and all that led to it, yt-dlp's own record of it too; the innermost last."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        found = waiting.pop(0)
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [found.__cause__, found.__context__, getattr(found, "cause", None)]
        waiting += [(getattr(found, "exc_info", None) or (None, None))[1]]
