"""Stand between the workers and PostgreSQL, and be a bad network: on loopback, towards the server's unix socket.

``mode`` is what happens to every byte from now on: "pass"; "swallow", a half-open network, where connections live
and nothing arrives; "reset", where each connection is torn down by RST and new ones too. ``latency`` seconds are
added to every packet of either direction. Threads, two a connection: the workers must not share its fate.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Literal

Mode = Literal["pass", "swallow", "reset"]


class Proxy:
    """A TCP port of 127.0.0.1 that leads to the unix socket."""

    def __init__(self, target: Path) -> None:
        self.mode: Mode = "pass"
        self.latency = 0.0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True, name="proxy").start()

    def set(self, mode: Mode, latency: float = 0.0) -> None:
        """Change the weather."""
        self.mode, self.latency = mode, latency
        if mode == "reset":
            for pair in self._pairs:
                self._tear(pair)
            self._pairs.clear()

    def close(self) -> None:
        """Tear everything down."""
        self.mode = "reset"
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self._pairs:
            self._tear(pair)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                if self.mode == "reset":
                    raise ConnectionRefusedError
                server.connect(str(self._target))
            except OSError:
                self._tear((client, server))
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = (client, server)
            self._pairs.append(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if self.latency:
                    time.sleep(self.latency)
                if self.mode != "swallow":
                    sink.sendall(data)
        # The end of one side is the other's too, unless the network has lost even that.
        if self.mode == "pass":
            for side in (source, sink):
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _tear(pair: tuple[socket.socket, socket.socket]) -> None:
        for side in pair:
            with contextlib.suppress(OSError):
                if side.family is socket.AF_INET:
                    # Lingering for no time at all makes close send RST; the read that is under way has to end first.
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    side.shutdown(socket.SHUT_RD)
                else:
                    side.shutdown(socket.SHUT_RDWR)
            side.close()
