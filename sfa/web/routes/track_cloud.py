"""POST /tracks/{id}/cloud: the track to lalal.ai, with the operation and options of the form. POST /cloud/key: the user's key.

Fields of the first: ``operation`` (separate, multistem, demuser, voice_clean, voice_change); ``stem``, or ``stems``
(several times) of a multistem; ``voice``; ``format``; ``preview`` and ``dereverb`` (ticked or not); ``fallback`` (a model of
this machine). What is wrong with them, and what would cost too much, is the table's to say.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from sfa.accounts import audit
from sfa.lalalai import SECRET, Account
from sfa.vault import Vault
from sfa.web.addresses import inside, track_of
from sfa.web.answers import done
from sfa.web.cloud import left_of
from sfa.web.failures import Missing, Unusable
from sfa.web.gate import visit
from sfa.web.services import services, user

OPERATIONS = ("separate", "multistem", "demuser", "voice_clean", "voice_change")


async def track_cloud(request: Request) -> Response:
    """Enqueue it."""
    async with request.form(max_files=0, max_fields=20) as form:
        operation, options = str(form.get("operation") or ""), options_of(form)
        preview, fallback = bool(form.get("preview")), str(form.get("fallback") or "") or None
    if operation not in OPERATIONS:
        raise Unusable("Choose what lalal.ai should do.", 400)
    track_id = track_of(request)
    async with services(request).database.session() as session:
        row = await session.one(
            "job_cloud", track_id=track_id, user_id=user(request).id, operation=operation,
            options=json.dumps(options), preview=preview,
            fallback=fallback if operation in ("separate", "multistem") else None,
        )  # fmt: skip
    if row is None:
        raise Missing
    return done(request, f"/tracks/{track_id}")


async def cloud_key(request: Request) -> Response:
    """Keep the user's licence key, encrypted, if lalal.ai knows it or does not answer; an empty one is forgotten.

    Its voices are read by a job; with the key, they are forgotten too.
    """
    async with request.form(max_files=0, max_fields=3) as form:
        key, back = str(form.get("key") or "").strip(), str(form.get("back") or "/")
    if len(key) > 200 or not key.isprintable():
        raise Unusable("That is no licence key.", 422)
    at, owner = services(request), user(request).id
    vault, account = Vault(at.config), Account(key, at.config.lalalai_url)
    # Asked before the transaction: nobody waits for lalal.ai with rows locked.
    left = await left_of(account) if key else None
    async with at.database.session() as session, session.transaction():
        if key:
            await vault.put(session, owner, SECRET, key)
            await session.run("voice_packs_ask", user_id=owner)
            if left is not None:
                await session.run("cloud_account", account=account.name, minutes=left)
        else:
            await vault.forget(session, owner, SECRET)
            await session.run("voice_packs_drop", user_id=owner)
        action = "secret.put" if key else "secret.forget"
        await audit(session, owner, action, SECRET, address=visit(request).address)
    # Only ever back to a page of ours.
    asked = "" if left is not None or not key else "-unasked"
    return done(request, inside(back) + (asked if back.endswith("said=key") else ""))


def options_of(form: FormData) -> dict[str, Any]:
    """The options that the chosen operation has a use for."""
    operation = str(form.get("operation") or "")
    options: dict[str, Any] = {}
    if operation == "separate":
        options["stem"] = str(form.get("stem") or "vocals")
    if operation == "multistem":
        options["stems"] = [str(stem) for stem in form.getlist("stems")]
    if operation == "voice_change":
        options["voice"] = str(form.get("voice") or "")
    if form.get("dereverb") and (operation != "separate" or options["stem"] == "vocals"):
        options["dereverb"] = True
    if form_of := str(form.get("format") or ""):
        options["format"] = form_of
    return options
