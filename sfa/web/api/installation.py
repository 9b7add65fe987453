"""What is everybody's, by the API: who I am, the models, the queues and their limits."""

from __future__ import annotations

from sfa.accounts import audit
from sfa.web.api.answer import Answer
from sfa.web.api.operation import Call
from sfa.web.api.shapes import shaped
from sfa.web.failures import Missing
from sfa.web.gate import visit


async def me(call: Call) -> Answer:
    """Whose token this is."""
    who = call.user
    return Answer({"email": who.email, "role": who.role, "scopes": sorted(who.scopes)})


async def models(call: Call) -> Answer:
    """What a track can be separated with."""
    rows = await call.session.all("model_list")
    return Answer({"items": [shaped("Model", row) for row in rows]})


async def queues(call: Call) -> Answer:
    """The queues at a glance."""
    rows = await call.session.all("page_health")
    return Answer({"items": [shaped("Queue", row) for row in rows]})


async def queue_steer(call: Call) -> Answer:
    """Pause, go on, or another limit."""
    name, body = call.request.path_params["name"], call.body
    known = {row["name"] for row in await call.session.all("page_health")}
    if name not in known:
        raise Missing
    if body.get("paused") is True:
        await call.session.run("queue_pause", name=name, reason=body.get("paused_reason"))
    elif body.get("paused") is False:
        await call.session.run("queue_resume", name=name)
    if "concurrency" in body:
        await call.session.run(
            "queue_limit", name=name, concurrency=body["concurrency"], everywhere_given=False,
            everywhere=None,
        )  # fmt: skip
    address = visit(call.request).address
    await audit(call.session, call.user.id, "queue.steer", name, address=address, detail=body)
    rows = await call.session.all("page_health")
    return Answer(next(shaped("Queue", row) for row in rows if row["name"] == name))
