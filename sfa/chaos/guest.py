"""Be Procrastinate's own worker of the queue "chaos": nobody is locked in, and nobody harms the other.

Run by `sfa.chaos.scene` as ``python -m sfa.chaos.guest``.
"""

from __future__ import annotations

import asyncio
import logging

from sfa.chaos.task import QUEUE
from sfa.chaos.workshop import equip
from sfa.lifetime import die_with_parent
from sfa.ports import kin
from sfa.queue.app import app


async def main() -> None:
    """What ``procrastinate worker --queues chaos --concurrency 4`` does."""
    async with app.open_async():
        await app.run_worker_async(queues=[QUEUE], concurrency=4, fetch_job_polling_interval=1)


if __name__ == "__main__":
    die_with_parent()
    logging.basicConfig(format="%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s")
    equip()
    kin.own()
    asyncio.run(main())
