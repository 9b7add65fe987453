"""List the users, or look after one: `users [list | add | link | suspend | readmit | admin | user | email] ADDRESS`.

`add ADDRESS` makes an account, `link ADDRESS` prints a sign-in link (for who forgot the password, too); both work once,
for 15 minutes. `suspend` shows a user out at once, of open pages and of the API, and ends his sessions and API tokens;
`readmit` lets him in again, by his password or a new link. `admin` makes an administrator, `user` no longer one.
`email ADDRESS NEW` gives him another address.
"""

import argparse
import asyncio
import difflib
from dataclasses import asdict
from typing import Any

from sfa.accounts import NoSuchUser, audit, new_sign_in
from sfa.config import Config
from sfa.db import Database, Row, Session
from sfa.errors import Refused, SfaError
from sfa.postgres import dsn
from sfa.users import LastAdministrator, everyone, readmit, set_role, suspend

ACTIONS = ("list", "add", "link", "suspend", "readmit", "admin", "user", "email")
LAST = "that is the last administrator: make another one first (bin/sfa users admin ADDRESS)"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="list")
    parser.add_argument("address", nargs="?", default="", help="the user's e-mail address")
    parser.add_argument("new", nargs="?", default="", help="the new address (email)")


def main(config: Config, args: argparse.Namespace) -> int:
    if args.action != "list" and not args.address:
        raise SfaError(f"say whom: bin/sfa users {args.action} ADDRESS")
    if args.action == "email" and not args.new:
        raise SfaError("say the new address: bin/sfa users email ADDRESS NEW")
    return asyncio.run(_main(config, args))


async def _main(config: Config, args: argparse.Namespace) -> int:
    database = Database(dsn(config), size=1, name="sfa-users")
    await database.open()
    try:
        async with database.transaction() as session:
            if args.action == "list":
                async for row in everyone(session):
                    print(_line(row))
            else:
                print(await _act(config, session, args.action, args.address, args.new))
    finally:
        await database.close()
    return 0


async def _act(config: Config, session: Session, action: str, address: str, new: str) -> str:
    if action == "add":
        return await _add(config, session, address)
    user = await _find(session, address)
    id_, email = int(user["id"]), str(user["email"])
    detail: dict[str, Any] = {"new": new} if new else {}
    match action:
        case "link":
            said = f"This link works once, for 15 minutes:\n  {await _link(config, session, id_)}"
        case "suspend":
            try:
                ended = await suspend(session, id_)
            except LastAdministrator:
                raise SfaError(LAST) from None
            detail = asdict(ended)
            said = f"{email} is suspended: {ended.sessions} sessions and {ended.tokens} API tokens have ended."
        case "readmit":
            await readmit(session, id_)
            said = f"{email} is active."
        case "email":
            try:
                await session.one("user_set_email", user_id=id_, email=new)
            except Refused as refused:
                raise SfaError(_why(refused, new)) from refused
            said = f"{email} is {new} now."
        case _:
            try:
                await set_role(session, id_, action)
            except LastAdministrator:
                raise SfaError(LAST) from None
            said = f"{email} is {'an administrator' if action == 'admin' else 'a user'}."
    await audit(session, None, f"user.{action}", email, detail=detail)
    return said


async def _add(config: Config, session: Session, address: str) -> str:
    try:
        made = await session.one("user_add", email=address, role="user")
    except Refused as refused:
        raise SfaError(_why(refused, address)) from refused
    if made is None:
        raise SfaError(f"{address} has an account already: bin/sfa users link {address}")
    await audit(session, None, "user.add", address)
    link = await _link(config, session, int(made["id"]))
    return f"{address} has an account. This link lets in, once, for 15 minutes:\n  {link}"


async def _link(config: Config, session: Session, user_id: int) -> str:
    try:
        token = await new_sign_in(session, user_id)
    except NoSuchUser:
        raise SfaError("a suspended user gets no link: readmit him first") from None
    return f"{config.link_address}/sign-in/{token}"


async def _find(session: Session, address: str) -> Row:
    found = await session.one("user_find", email=address)
    if found is None:
        known = [row["email"] async for row in everyone(session)]
        near = difflib.get_close_matches(address, known, n=1)
        raise SfaError(
            f"there is no user {address}" + (f"; did you mean {near[0]}?" if near else "")
        )
    return found


def _why(refused: Refused, address: str) -> str:
    if refused.constraint == "users_email_key":
        return f"{address} has an account already"
    return f"{address!r} is no e-mail address"


def _line(row: Row) -> str:
    parts = [f"  {row['email']:<36} {row['role']:<5} {row['status']:<9}"]
    parts.append(f"{row['sessions']} sessions, {row['tokens']} tokens")
    parts.append("with a password" if row["password"] else "by links only")
    if row["confirmed_at"] is None:
        parts.append("never came in")
    if row["seen_at"]:
        parts.append(f"last seen {row['seen_at']:%Y-%m-%d %H:%M}")
    return "  ".join(parts)
