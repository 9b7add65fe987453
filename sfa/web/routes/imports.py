"""GET and POST /imports: paste an address. GET /imports/{id}, POST /imports/{id}/choose: what was found, and what is wanted."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from sfa.errors import Refused
from sfa.spotify_items import names_spotify
from sfa.web.addresses import identity
from sfa.web.answers import done
from sfa.web.failures import Missing, Unusable
from sfa.web.models import choices, preset
from sfa.web.pages.imports import ITEMS, Import, Imports, Shown
from sfa.web.pages.page import stream_address
from sfa.web.services import html, services, user, wants_json


async def imports_list(request: Request) -> Response:
    """The form, and what was imported before."""
    page = Imports(user(request).id, request.query_params.get("before", ""))
    async with services(request).database.session() as session:
        values = await page.load(session)
    can_sign_in = bool(services(request).config.spotify_client_id)
    return html(
        request, "imports.html", stream=stream_address(page), can_sign_in=can_sign_in, **values
    )


async def import_begin(request: Request) -> Response:
    """Begin an import; the address of anything but Spotify's is a download."""
    at, owner = services(request), user(request).id
    async with request.form(max_files=0, max_fields=3) as form:
        address, model = str(form.get("address") or "").strip(), str(form.get("model") or "")
    if not address:
        raise Unusable("Paste an address first.", 400)
    async with at.database.session() as session:
        model = model or preset(await choices(session, at.config), at.config)
        if names_spotify(address):
            try:
                row = await session.one(
                    "import_insert", address=address, user_id=owner, choose=None, model=model
                )
            except Refused as error:
                raise Unusable(error.hint or str(error)) from error
            assert row is not None
            return _made(request, f"/imports/{row['id']}")
        if not (at.config.download_http or at.config.download_sites):
            raise Unusable(
                "Give the address of a Spotify track, album or playlist. Other addresses are switched off here: the"
                " settings download_http and download_sites allow them."
            )
        try:
            row = await session.one("download_insert", address=address, user_id=owner, model=model)
        except Refused as error:
            raise Unusable("Give an address that begins with http:// or https://.") from error
    assert row is not None
    return _made(request, f"/tracks/{row['track_id']}")


async def import_show(request: Request) -> Response:
    """The page of one import."""
    page = Import(user(request).id, Shown.asked(request))
    async with services(request).database.session() as session:
        values = await page.load(session)
    return html(request, "import.html", stream=stream_address(page), **values)


async def import_choose(request: Request) -> Response:
    """Download what was chosen, all, what failed once more, or one from an address that somebody knows."""
    which, owner = identity(request.path_params["id"]), user(request).id
    async with request.form(max_files=0, max_fields=2 * ITEMS + 5) as form:
        verb = str(form.get("verb") or "")
        positions = [int(str(text)) for text in form.getlist("id") if str(text).isdecimal()]
        address = str(form.get(verb) or "").strip()
    async with services(request).database.transaction() as session:
        wanted: list[int] | None = positions
        if verb == "covers":
            await session.one("cover_insert", id=which, user_id=owner)
            return done(request, f"/imports/{which}")
        if verb == "all":
            wanted = None
        elif verb == "again":
            rows = await session.all("import_again", id=which, user_id=owner)
            wanted = [row["position"] for row in rows]
        elif verb.startswith("address-") and verb[8:].isdecimal():
            wanted = [int(verb[8:])]
            try:
                named = await session.one(
                    "import_item_address", id=which, user_id=owner, position=wanted[0], address=address
                )  # fmt: skip
            except Refused as error:
                raise Unusable("An audio address begins with http:// or https://.") from error
            if named is None:
                raise Missing
        elif not positions:
            raise Unusable("Choose some tracks first.", 400)
        row = await session.one("import_choose_own", id=which, user_id=owner, positions=wanted)
    if row is None:
        raise Missing
    query = request.url.query
    return done(request, f"/imports/{which}" + (f"?{query}" if query else ""))


def _made(request: Request, address: str) -> Response:
    if wants_json(request):
        return JSONResponse({"address": address}, 201, headers={"location": address})
    return RedirectResponse(address, 303)
