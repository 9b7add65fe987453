"""Wait, for a bounded time, until the database and the web can be worked with.

Decides by asking them: the database for its migrations, the web for /health.
Limit: it polls; both answer within milliseconds once they are there.
"""

import http.client
import socket
import time

from sfa.config import Config
from sfa.errors import DatabaseUnavailable, SfaError
from sfa.migrations import pending
from sfa.postgres import dsn

PAUSE = 0.1


def wait_for_schema(config: Config, timeout: float = 120.0) -> None:
    """Return once the database answers and has every migration."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            missing = pending(dsn(config))
            if not missing:
                return
            problem = SfaError(f"the database lacks {missing[0]}: run `bin/sfa migrate`")
        except DatabaseUnavailable as error:
            problem = error
        if time.monotonic() > deadline:
            raise problem
        time.sleep(PAUSE)


def healthy(config: Config) -> bool:
    """Whether the web answers on its port and says that it is well."""
    host = config.address.removeprefix("http://").rsplit(":", 1)[0]
    connection = http.client.HTTPConnection(host, config.port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def port_problem(config: Config) -> str:
    """Say why the web's port cannot be had; empty: it can."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except PermissionError:
            return f"port {config.port} is reserved for root"
        except OSError as error:
            return f"port {config.port} of {config.host} cannot be used: {(error.strerror or str(error)).lower()}"
    return ""
