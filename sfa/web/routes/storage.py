"""GET /storage: what is thrown away, and when. POST /storage: set a rule, keep a row; administrators: clean up, bring a file back.

Fields of the form: ``verb``, and by it

- ``set``: ``kind``, ``keep`` and ``grace`` in days, ``whose`` ("own", the user's, or "all", everybody's: administrators);
- ``remove``: ``kind`` and ``whose``;
- ``keep``, ``release``: ``kind`` and ``row``, one of the user's own (an administrator: anybody's);
- ``clean``, ``look`` (a dry run): nothing more;
- ``restore``: ``key``, of a file in quarantine.
"""

from __future__ import annotations

import math

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from sfa.accounts import audit
from sfa.db import Session
from sfa.web.answers import done
from sfa.web.failures import Forbidden, Missing, Unusable
from sfa.web.pages.page import stream_address
from sfa.web.pages.storage import KINDS, Storage
from sfa.web.services import html, is_admin, services, user

LONGEST = 36_500.0
SHORTEST = 1 / 24


async def storage(request: Request) -> Response:
    """The page; ``kind`` in the address lists what of that kind goes."""
    page = Storage.asked(request)
    async with services(request).database.session() as session:
        values = await page.load(session)
    return html(request, "storage.html", stream=stream_address(page), **values)


async def storage_steer(request: Request) -> Response:
    """Do what the form says."""
    async with request.form(max_files=0, max_fields=6) as form:
        verb, kind = str(form.get("verb") or ""), str(form.get("kind") or "")
        async with services(request).database.transaction() as session:
            if verb in ("set", "remove"):
                await _rule(request, session, verb, form)
            elif verb in ("keep", "release"):
                await _keep(request, session, verb == "keep", form)
            elif verb in ("clean", "look"):
                await _clean(request, session, verb == "look")
            elif verb == "restore":
                await _restore(request, session, str(form.get("key") or ""))
            else:
                raise Unusable("Say what to do: set, remove, keep, release, look, clean or restore.", 400)  # fmt: skip
    listed = f"?kind={kind}" if kind in KINDS and verb in ("keep", "release") else ""
    return done(request, "/storage" + listed)


async def _rule(request: Request, session: Session, verb: str, form: FormData) -> None:
    me, kind = user(request).id, _kind(form)
    everybody = form.get("whose") == "all"
    if everybody and not is_admin(request):
        raise Forbidden
    owner = None if everybody else me
    said = kind if everybody else f"{kind} (own)"
    if verb == "remove":
        await session.run("storage_rule_drop", user_id=owner, kind=kind)
    else:
        keep, grace = _days(form.get("keep"), SHORTEST), _days(form.get("grace") or "0", 0)
        await session.run(
            "storage_rule_put", user_id=owner, kind=kind, keep_days=keep, grace_days=grace
        )
        said += f": {keep:g} + {grace:g} days"
    await audit(session, me, f"retention.{verb}", said)


async def _keep(request: Request, session: Session, keep: bool, form: FormData) -> None:
    whose = None if is_admin(request) else user(request).id
    row = await session.one(
        "storage_keep", kind=_kind(form), row=str(form.get("row") or "")[:100], keep=keep, user_id=whose
    )  # fmt: skip
    if row is None:
        raise Missing


async def _clean(request: Request, session: Session, dry_run: bool) -> None:
    if not is_admin(request):
        raise Forbidden
    if await session.one("storage_clean", dry_run=dry_run) is None:
        raise Unusable("A run waits already: its report appears here.", 409)
    await audit(session, user(request).id, "cleanup.look" if dry_run else "cleanup.run", "")


async def _restore(request: Request, session: Session, key: str) -> None:
    if not is_admin(request):
        raise Forbidden
    if await session.one("storage_restore", key=key) is None:
        raise Missing
    await audit(session, user(request).id, "quarantine.restore", key)


def _kind(form: FormData) -> str:
    kind = str(form.get("kind") or "")
    if kind not in KINDS:
        raise Unusable("Choose what the rule is about.", 422)
    return kind


def _days(text: object, least: float) -> float:
    try:
        days = float(str(text or "").strip().replace(",", "."))
    except ValueError:
        days = math.nan
    if not least <= days <= LONGEST:
        raise Unusable("Say how many days: from 1 hour (0.042) to keep, from 0 of grace, 36500 at most.", 422)  # fmt: skip
    return days
