"""What a new job waits for: another job of the same user's (``after``), and what its host must have free (``needs``)."""

from __future__ import annotations

import json
from typing import Any

from sfa.web.addresses import identity
from sfa.web.api.jobs import detail
from sfa.web.api.operation import Call


async def waiting(call: Call) -> dict[str, Any]:
    """What the body says of both, as parameters; `Missing` where the job to follow is not the user's own."""
    after, needs = call.body.get("after"), call.body.get("needs")
    if after is not None:
        await detail(call, identity(after))
    return {"after": after, "needs": None if needs is None else json.dumps(needs)}
