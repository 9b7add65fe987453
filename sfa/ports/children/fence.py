"""Keep a child that follows other people's addresses out of this machine and its neighbourhood.

An audit hook sees every connection that Python code makes, whatever library asks for it and after whichever redirect,
with the very address that is connected to: a private, loopback or link-local one is refused, and so is a name that was not
resolved. Programs that are started may not be handed an address either (ffmpeg would fetch it unseen).
Limit: connections of compiled libraries with sockets of their own are not seen; ``up`` blocks the one that yt-dlp knows
(curl_cffi). It is set once a process and can't be taken down; ``allow`` opens it for installations that say so.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from typing import Any

from sfa.ports.child import InputError
from sfa.reach import public


class Fenced(InputError):
    """An address lies inside the fence."""


class _Fence:
    """The process's one fence: whether it is up, and what it refused last, whoever swallowed the error."""

    def __init__(self) -> None:
        self.hooked = False
        self.open = False
        self.refused: Fenced | None = None

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto"):
            sock, address = arguments[:2]
            if not self.open and sock.family in (socket.AF_INET, socket.AF_INET6):
                self.check(str(address[0]) if isinstance(address, tuple) else "")
        elif event == "subprocess.Popen":
            words = [str(word) for word in arguments[1] or ()]
            if any("://" in word and not word.startswith("file:") for word in words):
                self.refuse("a program may not be given an address here")

    def check(self, host: str) -> None:
        try:
            reachable = public(ipaddress.ip_address(host.partition("%")[0]))
        except ValueError:
            reachable = False
        if not reachable:
            self.refuse(
                "the address leads to a private address; downloads from there are switched off (setting download_private)"
            )

    def refuse(self, why: str) -> None:
        self.refused = Fenced(why)
        raise self.refused


_fence = _Fence()


def up() -> None:
    """Put the fence up, for good: before any library that connects is imported."""
    if _fence.hooked:
        return
    _fence.hooked = True
    # Its sockets are libcurl's own, which no hook sees: yt-dlp goes on without it.
    modules: dict[str, Any] = sys.modules
    modules["yt_dlp.networking._curlcffi"] = None
    sys.addaudithook(_fence.hook)


def allow(private: bool) -> None:
    """Say for the calls to come whether private addresses may be connected to; forgets what was refused."""
    _fence.open, _fence.refused = private, None


def refused() -> Fenced | None:
    """What was refused since ``allow``."""
    return _fence.refused
