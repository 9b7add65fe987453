"""Search for a song at an address of one's own, by spotdl's way of weighing what is found.

For an archive that the installation has, or a test has: the address is asked ``?q=<artist and title>`` and answers JSON, a list of
{url, name, artists, duration (s), verified}. Names, artists and lengths are compared by spotdl as those of YouTube's are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
from spotdl.providers.audio import AudioProvider
from spotdl.types.result import Result

PATIENCE = 20


def own_search(address: str) -> type[Any]:
    """A provider of spotdl's that asks ``address``."""

    def results(_self: object, term: str, **_options: object) -> list[Result]:
        answer = requests.get(address, params={"q": term}, timeout=PATIENCE)
        answer.raise_for_status()
        return [_result(found, term) for found in answer.json()]

    # Made by hand: to the type checker, which does not see spotdl's environment, its classes are no classes.
    return type(
        "Own",
        (AudioProvider,),
        {"SUPPORTS_ISRC": False, "GET_RESULTS_OPTS": [{}], "get_results": results},
    )


def _result(found: Mapping[str, Any], term: str) -> Result:
    artists = tuple(str(name) for name in found.get("artists") or ())
    return Result(
        source="own",
        url=str(found["url"]),
        verified=bool(found.get("verified")),
        name=str(found.get("name") or ""),
        duration=float(found.get("duration") or 0),
        author=artists[0] if artists else "",
        artists=artists,
        result_id=str(found["url"]),
        search_query=term,
        views=1,
    )
