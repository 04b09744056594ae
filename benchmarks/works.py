"""The works that contestants are compared by: each is measured on an empty store."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks import footprint
from benchmarks.arena import Arena
from benchmarks.contestants import Contestant
from benchmarks.program import DONE_SECONDS, wait_for

ADDERS: Final = 100
BULK: Final = 10_000
BULKS: Final = 3
CHILDREN: Final = 10
LENGTH: Final = 5
LIVE: Final = 500
PART: Final = 50
_OFTEN: Final = 0.005
_WARM_UP: Final = 30


@dataclass(frozen=True, slots=True)
class Load:
    """How much work, and how it is done."""

    size: int
    concurrency: int


Measured = Mapping[str, float]
Measure = Callable[[Arena, Contestant, Load], Measured]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One work.

    Args:
        name: what `--only` and the results call it.
        needs: the modes that a contestant's program must have.
        measure: answers figures by name.
        trial: the size of a first try, by which the size is chosen.
        sized_by: the figure, a rate, that the size follows; a work without one has `trial`.
        most: the largest size.
        once: the same in each round, so one is enough.
    """

    name: str
    needs: frozenset[str]
    measure: Measure
    trial: int
    sized_by: str = ""
    most: int = 50_000
    once: bool = False


def add(arena: Arena, contestant: Contestant, load: Load) -> Measured:
    seconds = arena.add(contestant, "add", arena.fresh(contestant), load.size, keep=False)
    return {"add": load.size / seconds}


def together(arena: Arena, contestant: Contestant, load: Load) -> Measured:
    count = load.size // ADDERS * ADDERS
    url = arena.fresh(contestant)
    seconds = arena.add(contestant, "together", url, count, adders=ADDERS, keep=False)
    return {"together": count / seconds}


def bulk(arena: Arena, contestant: Contestant, load: Load) -> Measured:
    seconds = arena.add(contestant, "bulk", arena.fresh(contestant), load.size, keep=False)
    return {"bulk": load.size / seconds}


def commits(arena: Arena, contestant: Contestant, load: Load) -> Measured:
    seconds = arena.add(contestant, "commits", arena.fresh(contestant), load.size)
    return {"commits": load.size / seconds}


def drain_one(arena: Arena, contestant: Contestant, load: Load) -> Measured:
    return {"drain_one": _drain(arena, contestant, Load(load.size, 1), keep=False)}


def drain(arena: Arena, contestant: Contestant, load: Load) -> Measured:
    return {"drain": _drain(arena, contestant, load, keep=False)}


def drain_kept(arena: Arena, contestant: Contestant, load: Load) -> Measured:
    return {"drain_kept": _drain(arena, contestant, load, keep=True)}


def drain_two(arena: Arena, contestant: Contestant, load: Load) -> Measured:
    return {"drain_two": _drain(arena, contestant, load, keep=False, processes=2)}


def _drain(
    arena: Arena, contestant: Contestant, load: Load, *, keep: bool, processes: int = 1
) -> float:
    url = arena.fresh(contestant)
    count = load.size // ADDERS * ADDERS
    arena.add(contestant, "load", url, count, keep=keep)
    return count / arena.drain(
        contestant, url, count, concurrency=load.concurrency, keep=keep, processes=processes
    )


def trees(arena: Arena, contestant: Contestant, load: Load) -> Measured:
    url = arena.fresh(contestant)
    added = arena.add(contestant, "trees", url, load.size, children=CHILDREN)
    jobs = load.size * (CHILDREN + 1)
    done = arena.drain(contestant, url, jobs, concurrency=load.concurrency, keep=True)
    return {"trees_added": load.size / added, "trees_done": load.size / done}


def chains(arena: Arena, contestant: Contestant, load: Load) -> Measured:
    """A program adds a part whenever there is room for it among those alive; another one works."""
    url = arena.fresh(contestant)
    parts = math.ceil(load.size / PART)
    jobs = PART * LENGTH
    work = {"concurrency": load.concurrency, "keep": True, "every": _OFTEN}
    with (
        arena.program(contestant, "work", url, **work) as worker,
        arena.program(contestant, "chains", url, count=PART, length=LENGTH) as adder,
    ):
        start = worker.go()
        for number in range(parts):
            wait_for([worker], (number + 1 - LIVE // PART) * jobs, DONE_SECONDS)
            adder.go()
        wait_for([worker], parts * jobs, DONE_SECONDS)
        return {"chains": parts * PART / (worker.at - start)}


def idle(arena: Arena, contestant: Contestant, load: Load) -> Measured:
    waits = _waits(arena, contestant, "idle", load.size, 1)
    return {"idle_p50": statistics.median(waits), "idle_p99": _last_percent(waits)}


def idle_chain(arena: Arena, contestant: Contestant, load: Load) -> Measured:
    return {
        "idle_chain": statistics.median(_waits(arena, contestant, "idle_chains", load.size, LENGTH))
    }


def apart(arena: Arena, contestant: Contestant, load: Load) -> Measured:
    url = arena.fresh(contestant)
    with (
        arena.program(contestant, "work", url, concurrency=1, every=_OFTEN) as worker,
        arena.program(contestant, "trickle", url) as adder,
    ):
        worker.go()
        for number in range(load.size + _WARM_UP):
            adder.go()
            wait_for([worker], number + 1, DONE_SECONDS)
        waits = worker.waits[_WARM_UP:]
    return {"apart_p50": statistics.median(waits), "apart_p99": _last_percent(waits)}


def _waits(arena: Arena, contestant: Contestant, mode: str, count: int, each: int) -> list[float]:
    url = arena.fresh(contestant)
    count += _WARM_UP
    arguments = {"count": count, "length": LENGTH, "concurrency": 1}
    with arena.program(contestant, mode, url, **arguments) as program:
        program.go()
        wait_for([program], count * each, DONE_SECONDS)
        return program.waits[_WARM_UP:]


def _last_percent(waits: list[float]) -> float:
    return sorted(waits)[int(len(waits) * 0.99)]


def _needs(*modes: str) -> frozenset[str]:
    return frozenset(modes)


WORKS: Final = (
    Work(name="commits", needs=_needs("commits"), measure=commits, trial=200, sized_by="commits"),
    Work(name="add", needs=_needs("add"), measure=add, trial=300, sized_by="add"),
    Work(
        name="together", needs=_needs("together"), measure=together, trial=1_000,
        sized_by="together",
    ),
    Work(name="bulk", needs=_needs("bulk"), measure=bulk, trial=BULKS * BULK),
    Work(
        name="drain_one", needs=_needs("load", "work"), measure=drain_one, trial=500,
        sized_by="drain_one",
    ),
    Work(
        name="drain", needs=_needs("load", "work"), measure=drain, trial=500, sized_by="drain"
    ),
    Work(
        name="drain_kept", needs=_needs("load", "work"), measure=drain_kept, trial=500,
        sized_by="drain_kept",
    ),
    Work(
        name="drain_two", needs=_needs("load", "work"), measure=drain_two, trial=500,
        sized_by="drain_two",
    ),
    Work(
        name="trees", needs=_needs("trees", "work"), measure=trees, trial=50,
        sized_by="trees_done", most=3_000,
    ),
    Work(
        name="chains", needs=_needs("chains", "work"), measure=chains, trial=LIVE,
        sized_by="chains", most=10 * LIVE,
    ),
    Work(name="idle", needs=_needs("idle"), measure=idle, trial=200),
    Work(name="apart", needs=_needs("trickle", "work"), measure=apart, trial=200),
    Work(name="idle_chain", needs=_needs("idle_chains"), measure=idle_chain, trial=40),
    Work(name="bytes", needs=_needs("load"), measure=footprint.waiting, trial=BULK, once=True),
    Work(name="memory", needs=_needs("work"), measure=footprint.memory, trial=1, once=True),
)  # fmt: skip
