"""GET /words/{language}.js: what the scripts say in another language than English; it runs before them."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.failures import Missing
from sfa.web.languages import LANGUAGES, script_words

YEAR = 365 * 24 * 3600


async def words(request: Request) -> Response:
    """A module that sets the table of words; its address changes with them, so it may be kept."""
    language = request.path_params["language"]
    if language not in LANGUAGES:
        raise Missing
    # No markup in a script: a text that looked like an end tag would be none here, and still.
    table = json.dumps(script_words(language), ensure_ascii=True).replace("<", "\\u003c")
    return Response(
        f"globalThis.sfaWords = {table};\n",
        media_type="text/javascript",
        headers={"cache-control": f"public, max-age={YEAR}, immutable"},
    )
