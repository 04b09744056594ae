"""What is measured, as the tables name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Unit(Enum):
    """What a figure counts; only of a rate is more better."""

    RATE = "/s"
    MILLISECONDS = "ms"
    MICROSECONDS = "µs"
    SECONDS = "s"
    BYTES = "bytes"
    MEBIBYTES = "MiB"
    TIMES = "times"

    @property
    def more_is_better(self) -> bool:
        return self is Unit.RATE


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of a table."""

    title: str
    unit: Unit


COMPARED: Final[Mapping[str, Figure]] = {
    "commits": Figure("one-row transactions of this machine (SQLite, WAL, FULL)", Unit.RATE),
    "add": Figure("add, one by one", Unit.RATE),
    "together": Figure("add, 100 adders at once", Unit.RATE),
    "bulk": Figure("add 10,000 in one call", Unit.RATE),
    "drain_one": Figure("drain, concurrency 1", Unit.RATE),
    "drain": Figure("drain, best concurrency, results removed", Unit.RATE),
    "drain_kept": Figure("drain, best concurrency, results kept", Unit.RATE),
    "drain_two": Figure("drain, two processes, results removed", Unit.RATE),
    "trees_added": Figure("trees of 1+10, added", Unit.RATE),
    "trees_done": Figure("trees of 1+10, done", Unit.RATE),
    "chains": Figure("chains of 5, 500 alive, added and done", Unit.RATE),
    "idle_p50": Figure("idle, add to start, one process, p50", Unit.MILLISECONDS),
    "idle_p99": Figure("idle, add to start, one process, p99", Unit.MILLISECONDS),
    "apart_p50": Figure("idle, add to start, two processes, p50", Unit.MILLISECONDS),
    "apart_p99": Figure("idle, add to start, two processes, p99", Unit.MILLISECONDS),
    "idle_chain": Figure("idle, chain of 5, add to last end, p50", Unit.MILLISECONDS),
    "bytes": Figure("a waiting job", Unit.BYTES),
    "memory": Figure("an idle worker's memory (RSS)", Unit.MEBIBYTES),
}
"""What contestants are compared by."""

OWN: Final[Mapping[str, Figure]] = {
    "import": Figure("`import oxherd` in a fresh interpreter", Unit.SECONDS),
    "growth_low": Figure("claim and finish a job, 10 waiting", Unit.MICROSECONDS),
    "growth_high": Figure("claim and finish a job, very many waiting", Unit.MICROSECONDS),
    "growth": Figure("claim and finish a job, very many waiting to 10", Unit.TIMES),
    "children_low": Figure("add and finish a child, 10 of a parent", Unit.MICROSECONDS),
    "children_high": Figure("add and finish a child, very many of a parent", Unit.MICROSECONDS),
    "children": Figure("add and finish a child, worst to 10", Unit.TIMES),
    "plain": Figure("a plain coroutine call", Unit.MICROSECONDS),
    "cost": Figure("a job's own cost, CPU of the worker's process", Unit.MICROSECONDS),
    "cost_store": Figure("… of it the store", Unit.MICROSECONDS),
    "cost_encoding": Figure("… encoding", Unit.MICROSECONDS),
    "cost_scheduling": Figure("… scheduling", Unit.MICROSECONDS),
    "cost_user": Figure("… the processor", Unit.MICROSECONDS),
    "cost_server": Figure("a job's own cost, CPU of the server", Unit.MICROSECONDS),
}
"""What is told of Oxherd alone."""

FIGURES: Final[Mapping[str, Figure]] = {**COMPARED, **OWN}
