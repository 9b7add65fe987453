"""GET /settings: every setting with its value, its source and where it takes effect; and this browser's own choices."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa.config import Config
from sfa.web.languages import LANGUAGES
from sfa.web.services import THEMES, html, is_admin, services
from sfa.web.settings import settings

YEAR = 365 * 24 * 3600


async def settings_show(request: Request) -> Response:
    """The page; the installation's settings are shown to administrators only."""
    shown = []
    if is_admin(request):
        sources = await asyncio.to_thread(Config.sources)
        shown = settings(services(request).config, sources)
    return html(request, "settings.html", settings=shown, languages=LANGUAGES, themes=THEMES)


async def settings_choose(request: Request) -> Response:
    """Keep this browser's language and theme, a cookie each; what is empty follows the system again."""
    async with request.form(max_files=0, max_fields=3) as form:
        wanted = {"lang": str(form.get("lang") or ""), "theme": str(form.get("theme") or "")}
    response = RedirectResponse("/settings", 303)
    for name, known in (("lang", tuple(LANGUAGES)), ("theme", THEMES)):
        if wanted[name] in known:
            # Not httponly: the theme's button writes the same cookie.
            response.set_cookie(name, wanted[name], max_age=YEAR, samesite="lax")
        else:
            response.delete_cookie(name)
    return response
