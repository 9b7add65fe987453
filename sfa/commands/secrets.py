"""List, keep or forget the secrets of this installation: `secrets [list | put NAME | forget NAME]`.

`put` asks for the secret, or reads the first line of its input: it is never an argument, which others could see.
"""

import argparse
import asyncio
import getpass
import sys

from sfa.accounts import audit
from sfa.config import Config
from sfa.db import Database
from sfa.errors import SfaError
from sfa.postgres import dsn
from sfa.vault import Vault


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "put", "forget"), default="list")
    parser.add_argument("name", nargs="?", default="", help="the secret's name")


def main(config: Config, args: argparse.Namespace) -> int:
    if args.action != "list" and not args.name:
        raise SfaError(f"name the secret: bin/sfa secrets {args.action} NAME")
    value = _ask(args.name) if args.action == "put" else ""
    return asyncio.run(_main(config, args.action, args.name, value))


def _ask(name: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"{name}: ")
    return sys.stdin.readline().rstrip("\r\n")


async def _main(config: Config, action: str, name: str, value: str) -> int:
    vault = Vault(config)
    database = Database(dsn(config), size=1, name="sfa-secrets")
    await database.open()
    try:
        async with database.session() as session:
            if action == "put":
                await vault.put(session, None, name, value)
                await audit(session, None, "secret.put", name)
                print(f"{name} is kept, encrypted.")
            elif action == "forget":
                if not await vault.forget(session, None, name):
                    raise SfaError(f"there is no secret {name}; `bin/sfa secrets` lists them")
                await audit(session, None, "secret.forget", name)
                print(f"{name} is gone.")
            else:
                for row in await vault.names(session, None):
                    used = (
                        f"used {row['used_at']:%Y-%m-%d %H:%M}" if row["used_at"] else "never used"
                    )
                    print(f"  {row['name']:<32} kept {row['updated_at']:%Y-%m-%d %H:%M}, {used}")
    finally:
        await database.close()
    return 0
