"""GET /ports: the tree of processes. POST /ports/{name}: restart or stop a program of this host (administrators)."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa.accounts import audit
from sfa.supervisord import SupervisorError
from sfa.web.failures import Forbidden, Missing, Unusable
from sfa.web.pages.page import stream_address
from sfa.web.pages.ports import Ports
from sfa.web.processes import STAYS, VERBS, begin, steered_host
from sfa.web.services import html, is_admin, services, user


async def ports(request: Request) -> Response:
    """The page of the processes."""
    page = Ports(user(request).id, await host_of(request))
    async with services(request).database.session() as session:
        values = await page.load(session)
    said = request.query_params.get("said", "")[:200]
    return html(request, "ports.html", stream=stream_address(page), said=said, **values)


async def host_of(request: Request) -> str:
    """The host whose programs this user may steer from here; empty: none."""
    if not is_admin(request):
        return ""
    return await asyncio.to_thread(steered_host, services(request).supervisord)


async def port_steer(request: Request) -> Response:
    """Asked without ``sure`` it answers with what it would do."""
    if not is_admin(request):
        raise Forbidden
    name = request.path_params["name"]
    async with request.form(max_files=0, max_fields=3) as form:
        verb, sure = str(form.get("verb") or ""), bool(form.get("sure"))
    supervisord = services(request).supervisord
    try:
        programs = await asyncio.to_thread(supervisord.programs)
    except SupervisorError as error:
        raise Unusable("Nothing runs under supervisord here that could be told.", 409) from error
    program = next((program for program in programs if program.name == name), None)
    if program is None:
        raise Missing
    if verb not in VERBS or (verb == "stop" and name in STAYS):
        raise Unusable("This program can be restarted here, not stopped.", 422)
    if not sure:
        return html(request, "ports_sure.html", program=program, verb=verb)
    async with services(request).database.session() as session:
        await audit(session, user(request).id, f"program.{verb}", name)
    begin(supervisord, name, verb)
    return RedirectResponse(f"/ports?said={verb}:{name}", 303)
