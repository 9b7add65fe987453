"""GET /spotify/connect and /spotify/callback: sign in at Spotify and come back. POST /spotify/forget: sign out there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa.errors import InputError
from sfa.spotify_account import Account
from sfa.web.failures import Unusable
from sfa.web.services import services, user


async def spotify_connect(request: Request) -> Response:
    """Send the browser to Spotify; a link and no form, because forms may lead nowhere else."""
    async with _account(request) as account:
        try:
            begun = await account.begin()
        except InputError as error:
            raise Unusable(str(error), 409) from error
    return RedirectResponse(begun.address, 303)


async def spotify_callback(request: Request) -> Response:
    """What Spotify says: a code, or that the user does not want to."""
    query = request.query_params
    if query.get("error"):
        return RedirectResponse("/imports", 303)
    async with _account(request) as account:
        try:
            await account.finish(query.get("code", ""), query.get("state", ""))
        except InputError as error:
            raise Unusable(str(error), 400) from error
    return RedirectResponse("/imports", 303)


async def spotify_forget(request: Request) -> Response:
    """Forget the sign-in and its token."""
    async with _account(request) as account:
        await account.forget()
    return RedirectResponse("/imports", 303)


@asynccontextmanager
async def _account(request: Request) -> AsyncIterator[Account]:
    at = services(request)
    async with httpx.AsyncClient(follow_redirects=False) as http:
        yield Account(at.config, at.database, http, user(request).id)
