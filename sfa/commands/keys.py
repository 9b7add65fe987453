"""List the keys that secrets are encrypted with, rotate them, or print a new one: `keys [list|rotate|new]`.

`rotate` makes a new key, encrypts every secret with it and removes the old keys. Where the keys come from SFA_KEYS:
put a key that `new` prints in front on every host, restart, run `rotate`, then take the old ones out.
"""

import argparse
import asyncio

from sfa.accounts import audit
from sfa.config import Config
from sfa.db import Database
from sfa.keyring import Key
from sfa.postgres import dsn
from sfa.vault import Vault


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "rotate", "new"), default="list")


def main(config: Config, args: argparse.Namespace) -> int:
    if args.action == "new":
        print(Key.new().text)
        return 0
    return asyncio.run(_main(config, args.action))


async def _main(config: Config, action: str) -> int:
    vault = Vault(config)
    database = Database(dsn(config), size=2, name="sfa-keys")
    await database.open()
    try:
        if action == "rotate":
            count = await vault.rotate(database)
            async with database.session() as session:
                await audit(session, None, "keys.rotate", detail={"secrets": count})
            print(f"{count} secrets are encrypted with the newest key now.")
            return 0
        async with database.session() as session:
            keys = await vault.keys(session)
    finally:
        await database.close()
    if not keys:
        print("There is no key yet: the first secret makes one.")
    for index, (id_, count, here) in enumerate(keys):
        what = "seals" if index == 0 and here else "opens" if here else "MISSING ON THIS HOST"
        print(f"  {id_}  {count:>5} secrets  {what}")
    return 1 if any(not here for _, _, here in keys) else 0
