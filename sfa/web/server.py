"""Run the dashboard: `main` listens, serves, and stops cleanly on SIGTERM although pages hold streams open.

Options: see `sfa.config` (``host``, ``port``). The access log is off: addresses hold sign-in tokens.
Limit: one process; the live hub is in its memory. More processes would each have their own listener.
"""

from __future__ import annotations

import errno
import logging
import socket

import uvicorn

from sfa.config import Config
from sfa.errors import SfaError
from sfa.web.app import create_app
from sfa.web.live import Hub

log = logging.getLogger(__name__)
GRACE = 5


class PortTaken(SfaError):
    """Something else listens on the dashboard's port."""


class Server(uvicorn.Server):
    """uvicorn, which would wait for ever for open streams: they are ended first."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self.hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else."""
        self.hub.close()
        await super().shutdown(sockets)


def listen(config: Config) -> socket.socket:
    """The listening socket; `PortTaken` says what to do."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"port {config.port} is taken: stop what listens there, or set SFA_PORT to another port"
            ) from error
        raise SfaError(f"cannot listen on {config.host}:{config.port}: {error.strerror}") from error


def main(config: Config) -> None:
    """Serve until SIGTERM or SIGINT."""
    hub = Hub()
    app = create_app(config, hub=hub)
    listening = listen(config)
    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=64 * 1024,
    )
    log.info("the dashboard listens on %s", config.address)
    Server(settings, hub).run(sockets=[listening])
