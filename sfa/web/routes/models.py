"""GET /models: what there is. POST /models/{name}: fetch its weights, or check them against their hashes (administrators)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa import weights
from sfa.accounts import audit
from sfa.web.answers import done
from sfa.web.failures import Forbidden, Missing, Unusable
from sfa.web.model_work import VERBS
from sfa.web.pages.models import Models
from sfa.web.pages.page import stream_address
from sfa.web.services import html, is_admin, services, user


async def models(request: Request) -> Response:
    """The page of the models."""
    at = services(request)
    page = Models(is_admin(request), at.config, at.model_work)
    async with at.database.session() as session:
        values = await page.load(session)
    return html(request, "models.html", stream=stream_address(page), **values)


async def model_steer(request: Request) -> Response:
    """Begin to fetch or to verify; the page shows how far it is."""
    if not is_admin(request):
        raise Forbidden
    at, name = services(request), request.path_params["name"]
    async with request.form(max_files=0, max_fields=2) as form:
        verb = str(form.get("verb") or "")
    if verb not in VERBS:
        raise Unusable("Say whether to fetch or to verify.", 400)
    if name not in weights.MODELS and not weights.files(name, at.config.models_folder):
        raise Missing
    async with at.database.session() as session:
        await audit(session, user(request).id, f"model.{verb}", name)
    if not at.model_work.begin(verb, name):
        raise Unusable("This model is being worked on already.", 409)
    return done(request, "/models")
