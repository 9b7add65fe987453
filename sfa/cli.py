"""Read the command line and run one command; the one reader of argv.

Decides by the first word, imports that command's module only, and turns every error into one sentence.
Limit: what nobody foresaw is one sentence too, with the traceback in var/log/sfa.log; the long-running
programs (worker, web, postgres) write theirs to their own log.

Exit codes: 0 done · 1 it failed · 2 wrong usage · 3 something is not running · 4 nothing is running ·
78 (postgres only) not needed · 130 interrupted.
"""

import argparse
import difflib
import importlib
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from typing import Protocol, cast

from sfa.config import Config
from sfa.errors import Refused, SfaError

COMMANDS = {
    "run": "separate and analyse a file (or a demo): the whole product in one command",
    "up": "start everything",
    "down": "stop everything",
    "status": "say what is running",
    "tree": "show every process: programs, workers, children, their jobs",
    "logs": "show the programs' logs",
    "psql": "open the database in psql",
    "doctor": "check this installation, and say what to do",
    "users": "list the users; add, suspend, promote one, make a sign-in link",
    "keys": "list the keys of the secrets, or rotate them",
    "secrets": "list, keep or forget the installation's secrets",
    "models": "list the models, or fetch their weights",
    "migrate": "bring the database to the newest schema",
    "port": "check a port's child against the protocol",
    "chaos": "break a copy of it on purpose, and judge what happened",
    "worker": "run one queue's worker (supervisord does)",
    "web": "run the web server (supervisord does)",
    "postgres": "run the embedded PostgreSQL (supervisord does)",
    "events": "listen to supervisord's events (supervisord does)",
}
# They run until they are stopped, and their output is a log.
SERVICES = frozenset({"worker", "web", "postgres", "events"})


class Command(Protocol):
    """What each module in sfa.commands offers."""

    __doc__: str | None

    def arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def main(self, config: Config, args: argparse.Namespace) -> int: ...


def overview() -> str:
    """The list of commands."""
    lines = [f"  {name:<9} {what}" for name, what in COMMANDS.items()]
    return "\n".join(
        [
            "usage: bin/sfa COMMAND [--help]",
            "",
            *lines,
            "",
            "Settings are read from SFA_* and var/sfa.toml.",
        ]
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command that `argv` (default: the process's own) names; return the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in ("help", "-h", "--help"):
        print(overview())
        return 0
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "; `bin/sfa help` lists them"
        print(f"sfa: there is no command {name!r}{hint}", file=sys.stderr)
        return 2
    service = name in SERVICES
    logging.basicConfig(
        level=logging.INFO if service else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s" if service else "%(message)s",
    )
    # Procrastinate tells what it imports; the pool tells of every try while a database restarts.
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    if not service:
        # Complaints about a database that is away: the command waits for it, or says so in its own words.
        for noisy in ("psycopg.pool", "sfa.notify"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)
    command = cast("Command", importlib.import_module(f"sfa.commands.{name}"))
    parser = argparse.ArgumentParser(prog=f"bin/sfa {name}", description=command.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    command.arguments(parser)
    args = parser.parse_args(rest)
    config: Config | None = None
    try:
        config = Config.load()
        return command.main(config, args)
    except SfaError as error:
        hint = f"\n  {error.hint}" if isinstance(error, Refused) and error.hint else ""
        print(f"sfa: {error}{hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sfa: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, a pager) has gone; keep Python from complaining about it while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if service or config is None:
            raise
        return _unforeseen(config, words, error)


def _unforeseen(config: Config, words: list[str], error: Exception) -> int:
    kept = ""
    try:
        log = config.var / "log" / "sfa.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            file.write(f"--- {datetime.now(UTC):%Y-%m-%d %H:%M:%SZ} sfa {' '.join(words)}\n")
            traceback.print_exception(error, file=file)
        kept = "; the details are in log/sfa.log of the state folder"
    except OSError:
        pass
    print(
        f"sfa: this should not have happened: {type(error).__name__}: {error}{kept}",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
