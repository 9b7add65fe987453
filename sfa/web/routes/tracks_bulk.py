"""POST /tracks/bulk: analyse, separate or delete many tracks. Asked without ``sure`` it answers with what it would touch."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa.db import Row
from sfa.objects import sweep
from sfa.web.addresses import identity
from sfa.web.failures import Unusable
from sfa.web.languages import ngettext
from sfa.web.pages.tracks import Wanted
from sfa.web.services import Services, html, services, user

MOST = 500
VERBS = ("analyse", "separate", "delete")


async def tracks_bulk(request: Request) -> Response:
    """Do it with the chosen tracks, or with every one that the filters of the page match (500 at most)."""
    async with request.form(max_files=0, max_fields=MOST + 6) as form:
        verb, ids = str(form.get("verb") or ""), [identity(str(i)) for i in form.getlist("id")]
        sure, all_of = bool(form.get("sure")), bool(form.get("all"))
        model = str(form.get("model") or "")
    if verb not in VERBS or (verb == "separate" and not model):
        raise Unusable("Say whether to analyse, to separate (with which model) or to delete.", 400)
    at, owner = services(request), user(request).id
    wanted = Wanted.asked(request.query_params)
    async with at.database.session() as session:
        if all_of:
            ids = [row["id"] for row in await wanted.rows(session, owner, MOST)]
        tracks = await session.all("track_named", ids=ids, user_id=owner)
    if verb != "delete":
        tracks = [track for track in tracks if track["has_audio"]]
    back = "/tracks?" + urlencode(wanted.query())
    if not sure:
        values: dict[str, Any] = {"tracks": tracks, "verb": verb, "model": model, "back": back}
        return html(request, "tracks_bulk.html", query=urlencode(wanted.query()), **values)
    if verb != "delete" and len(tracks) > 1:
        return await _batch(at, verb, model, [track["id"] for track in tracks], owner)
    said = await _act(at, verb, model, tracks, owner)
    return RedirectResponse("/tracks?" + urlencode(wanted.query(before="") | {"said": said}), 303)


async def _batch(
    at: Services, verb: str, model: str, ids: list[UUID], owner: int
) -> RedirectResponse:
    """One batch for all of them, and its page."""
    async with at.database.session() as session:
        made = await session.one(
            "batch_add", user_id=owner, operation="separate" if verb == "separate" else "analyze",
            model=model if verb == "separate" else None, title=None, ids=ids,
        )  # fmt: skip
    return RedirectResponse(f"/batches/{made['id']}" if made else "/batches", 303)


async def _act(at: Services, verb: str, model: str, tracks: list[Row], owner: int) -> str:
    ids: list[UUID] = [track["id"] for track in tracks]
    if verb == "delete":
        keys: set[str] = set()
        gone = 0
        for each in ids:
            async with at.database.session() as session:
                row = await session.one("track_delete", id=each, user_id=owner)
            if row is not None:
                gone += 1
                keys.update(row["keys"])
        await sweep(at.database, at.store, keys)
        return ngettext("%(num)d track deleted", "%(num)d tracks deleted", gone) % {"num": gone}
    kind, args = ("processing", {"model": model}) if verb == "separate" else ("analysis", {})
    async with at.database.session() as session:
        jobs = await session.all(
            "job_enqueue_many", kind=kind, args=json.dumps(args), ids=ids, user_id=owner
        )
    n = len({job["job"] for job in jobs})
    return ngettext("%(num)d job is waiting", "%(num)d jobs are waiting", n) % {"num": n}
