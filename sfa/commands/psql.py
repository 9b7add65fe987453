"""Open the database in psql. Everything after `psql` is psql's own: `bin/sfa psql -c 'SELECT 1'`."""

import argparse
import os
from urllib.parse import unquote, urlsplit, urlunsplit

from sfa.config import Config
from sfa.errors import SfaError
from sfa.postgres import dsn
from sfa.postgres.programs import client_program


def arguments(parser: argparse.ArgumentParser) -> None:
    # psql's options look like ours; nothing is parsed here, not even --help.
    parser.prefix_chars = "\0"
    parser.add_argument("rest", nargs="*", help="passed on to psql")


def without_password(address: str) -> tuple[str, str | None]:
    """Take the password out of a database URL: a process's arguments can be read by everyone."""
    parts = urlsplit(address)
    if not parts.scheme or parts.password is None:
        return address, None
    user, host = parts.netloc.rsplit("@", 1)
    netloc = f"{user.split(':', 1)[0]}@{host}"
    return urlunsplit(parts._replace(netloc=netloc)), unquote(parts.password)


def main(config: Config, args: argparse.Namespace) -> int:
    program = client_program("psql")
    if program is None:
        raise SfaError("there is no psql here: apt-get install postgresql-client, then try again")
    address, password = without_password(dsn(config))
    environment = os.environ if password is None else {**os.environ, "PGPASSWORD": password}
    os.execve(program, [str(program), address, *args.rest], environment)  # noqa: S606
