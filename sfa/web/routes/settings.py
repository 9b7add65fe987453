"""GET /settings: every setting with its value, its source and where it takes effect; and this browser's own choices.

POST /settings/{name}: an administrator sets one in sfa.toml (``verb`` set, ``value``), or takes it out (``verb`` default).
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa import config_file
from sfa.accounts import audit
from sfa.config import Config
from sfa.errors import ConfigError
from sfa.web.answers import done
from sfa.web.failures import Forbidden, Missing, Unusable
from sfa.web.languages import LANGUAGES, asked
from sfa.web.services import THEMES, html, is_admin, services, user
from sfa.web.settings import EDITABLE, settings

YEAR = 365 * 24 * 3600


async def settings_show(request: Request) -> Response:
    """The page; the installation's settings are shown to administrators only."""
    shown = []
    if is_admin(request):
        sources = await asyncio.to_thread(Config.sources)
        shown = settings(services(request).config, sources)
    return html(request, "settings.html", settings=shown, languages=LANGUAGES, themes=THEMES)


async def settings_choose(request: Request) -> Response:
    """Keep this browser's language and theme, a cookie each; what is empty follows the system again.

    Mails to the user are in that language from here on.
    """
    async with request.form(max_files=0, max_fields=3) as form:
        wanted = {"lang": str(form.get("lang") or ""), "theme": str(form.get("theme") or "")}
    language = wanted["lang"] if wanted["lang"] in LANGUAGES else asked(request)
    async with services(request).database.session() as session:
        await session.run("news_language", user_id=user(request).id, language=language)
    response = RedirectResponse("/settings", 303)
    for name, known in (("lang", tuple(LANGUAGES)), ("theme", THEMES)):
        if wanted[name] in known:
            # Not httponly: the theme's button writes the same cookie.
            response.set_cookie(name, wanted[name], max_age=YEAR, samesite="lax")
        else:
            response.delete_cookie(name)
    return response


async def setting_change(request: Request) -> Response:
    """Write it into sfa.toml; it counts with the next start of what it concerns, and the page says so."""
    if not is_admin(request):
        raise Forbidden
    name = request.path_params["name"]
    if name not in EDITABLE:
        raise Missing
    async with request.form(max_files=0, max_fields=2) as form:
        verb, value = str(form.get("verb") or ""), str(form.get("value") or "")[:1000]
    if verb not in ("set", "default"):
        raise Unusable("Say whether to set it or to go back to the default.", 400)
    sources = await asyncio.to_thread(Config.sources)
    if sources.get(name, ("", ""))[0] == "environment":
        raise Unusable("The environment sets this, and comes first: change it there.", 409)
    text = value if verb == "set" else None
    try:
        await asyncio.to_thread(config_file.change, name, text)
    except ConfigError as error:
        raise Unusable(str(error), 422) from error
    async with services(request).database.session() as session:
        said = f"{name} = {value}" if text is not None else f"{name}: the default"
        await audit(session, user(request).id, "setting.change", said)
    return done(request, f"/settings#setting-{name}")
