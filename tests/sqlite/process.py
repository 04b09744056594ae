"""What other processes do in these tests: `python -m tests.sqlite.process VERB PATH ...`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from tests.sqlite.using import add, completion, opened, put, star, take

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def kill_at(point: str) -> Callable[[str], None]:
    def failpoint(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return failpoint


async def opens(path: str) -> None:
    """Open, add a job of its own, tell how many there are."""
    store = opened(path)
    await put(store, f"of-{os.getpid()}")
    counted = await store.counts("q")
    await store.aclose()
    tell(str(sum(counted.values())))


async def adds(path: str, first: str) -> None:
    """Add what standard input says, line by line, once the first job is there."""
    store = opened(path)
    await put(store, first)
    tell("ready")
    for line in sys.stdin:
        await put(store, line.strip())
        tell(line.strip())
    await store.aclose()


async def holds(path: str) -> None:
    """Take a job, and complete it when standard input says something."""
    store = opened(path)
    (job,) = await take(store, token="held")
    tell("ready")
    sys.stdin.readline()
    assert await store.complete("q", [completion(job.id, token="held")]) == [None]
    await store.aclose()


async def drains(path: str) -> None:
    """Run jobs until there are none; tell the ids of those that were run."""
    store = opened(path)
    done: list[str] = []
    number = 0
    while True:
        token = f"{os.getpid()}-{number}"
        jobs = await take(store, 10, token=token)
        if not jobs:
            break
        answers = await store.complete("q", [completion(job.id, token=token) for job in jobs])
        assert answers == [None] * len(jobs)
        done += [job.id for job in jobs]
        number += 1
    await store.aclose()
    tell(" ".join(done))


async def dies(path: str, verb: str, point: str) -> None:
    """Be killed in the middle of a verb."""
    store = opened(path, failpoint=kill_at(f"sqlite.{verb}.{point}"))
    match verb:
        case "add":
            await add(store, *star(20))
        case "claim":
            await take(store, 5)
        case "complete":
            jobs = await take(store, 5)
            await store.complete("q", [completion(job.id) for job in jobs])
        case "remove":
            await store.remove("q", ["parent"], children=True)
        case _:
            raise AssertionError(verb)
    tell("it lives")


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


VERBS: dict[str, Callable[..., Awaitable[None]]] = {
    "opens": opens,
    "adds": adds,
    "holds": holds,
    "drains": drains,
    "dies": dies,
}


async def main() -> None:
    await VERBS[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    asyncio.run(main())
