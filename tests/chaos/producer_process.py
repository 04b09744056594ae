"""A producer that is killed in mid-add: `python -m tests.chaos.producer_process SETTINGS`."""

from __future__ import annotations

import asyncio
import random
import sys

import msgspec

from oxherd.engines import open_store
from tests.chaos.plan import add, draw
from tests.chaos.worker_process import Settings, Trap


async def main(settings: Settings) -> None:
    store = open_store(settings.url, failpoint=Trap(settings.failpoint, settings.nth))
    plan = draw(random.Random(settings.seed), jobs=20, flows=5, longest=0.02)
    await add(plan, store)
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Settings)))
