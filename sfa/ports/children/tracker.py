"""Follow one song through spotdl: real percentages, cancel, and the limits, as soon as they can be known.

It stands in for spotdl's own song tracker, whose percentages are steps. 0–5 searching, 5–80 the bytes, 80–95
converting, 95–99 tags. A verdict that is reached in a hook is kept, because spotdl turns every exception into its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sfa.ports.child import Call, InputError
from sfa.sniff import HEAD, audio_format

LIMIT: Final = 1_000_000_000
TOLERANCE_MS: Final = 10_000
MB: Final = 1_000_000


class Tracker:
    """What spotdl calls while it works; ``seconds``: the song's length, 0 as long as it is not known."""

    def __init__(self, call: Call) -> None:
        self.limit = int(call.args.get("max_bytes") or LIMIT)
        self.error: BaseException | None = None
        self.verdict: InputError | None = None
        self._call = call
        self.seconds = 0.0
        self._tolerance = float(call.args.get("tolerance_ms") or TOLERANCE_MS) / 1000

    def notify_searching(self) -> None:
        """It is searched for."""
        self._call.progress(1, "searching")

    def notify_getting_meta(self) -> None:
        """What the address leads to is asked."""
        self._call.progress(5, "asking the source")

    def yt_dlp_progress_hook(self, told: dict[str, Any]) -> None:
        """Some bytes came, or all of them have."""
        length = (told.get("info_dict") or {}).get("duration")
        if length and self.seconds and abs(length - self.seconds) > self._tolerance:
            self._refuse(
                f"what was found is {length:.0f} s long, the song {self.seconds:.0f} s: it is another recording;"
                " give its audio_address, or upload the file"
            )
        done, total = told.get("downloaded_bytes") or 0, told.get("total_bytes") or 0
        if max(done, total) > self.limit:
            self._refuse(f"the file is larger than the limit of {self.limit // MB} MB")
        if told.get("status") == "finished":
            self._look(Path(str(told.get("filename") or "")))
        estimate = total or told.get("total_bytes_estimate") or 0
        share = min(1.0, done / estimate) if estimate else 0
        amount = "" if estimate else f", {done / MB:.1f} MB"
        self._call.progress(5 + 75 * share, f"downloading{amount}")

    def ffmpeg_progress_hook(self, percent: int) -> None:
        """Some of it is converted."""
        # Not the place to raise: ffmpeg would be left running. The next step looks for a cancel.
        if not self._call.cancelled.is_set():
            self._call.progress(80 + 15 * min(100, percent) / 100, "converting")

    def notify_conversion_complete(self, status: str = "") -> None:  # noqa: ARG002 - spotdl's signature
        """Tags and cover come next."""
        self._call.progress(95, "tags and cover")

    def notify_complete(self, status: str = "") -> None:  # noqa: ARG002 - spotdl's signature
        """The file is there."""
        self._call.progress(99, "fetched")

    def notify_download_skip(self, status: str = "") -> None:
        """The file was there."""

    def notify_error(self, message: str, traceback: BaseException, finish: bool = False) -> None:  # noqa: ARG002 - spotdl's signature
        """It failed; spotdl calls the exception "traceback"."""
        self.error = traceback

    def set_path(self, path: str) -> None:
        """Where the file is."""

    def _refuse(self, why: str) -> None:
        self.verdict = InputError(why)
        raise self.verdict

    def _look(self, path: Path) -> None:
        """A playlist or a page in disguise must not reach ffmpeg."""
        try:
            with path.open("rb") as file:
                head = file.read(HEAD)
        except OSError:
            return
        if not head:
            self._refuse("the address leads to an empty file")
        if audio_format(head) is None:
            self._refuse("the address does not lead to an audio file; give the address of the file itself")  # fmt: skip
