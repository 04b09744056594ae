"""What Oxherd wants to reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from benchmarks.contestants import REFERENCE
from benchmarks.results import Results

REDIS: Final = "oxherd-redis"
FULL: Final = "oxherd-sqlite"
NORMAL: Final = "oxherd-sqlite-normal"


class Kind(Enum):
    """How a bound is meant."""

    TIMES_NODE = "at least {} times BullMQ on Node"
    OF_COMMITS = "at least {} times the machine's own transactions"
    AT_MOST = "at most {}"
    AT_MOST_NODE = "at most {} times BullMQ on Node"


@dataclass(frozen=True, slots=True)
class Target:
    """One bound; `aim` is what would be better still."""

    figure: str
    contestant: str
    kind: Kind
    bound: float
    aim: float | None = None

    def reached(self, results: Results) -> float | None:
        """What the bound is compared with."""
        match self.kind:
            case Kind.TIMES_NODE:
                return results.ratio(self.figure, self.contestant)
            case Kind.OF_COMMITS:
                return results.share(self.figure, self.contestant, "commits", FULL)
            case Kind.AT_MOST:
                return results.median(self.figure, self.contestant)
            case Kind.AT_MOST_NODE:
                smaller = results.ratio(self.figure, self.contestant, REFERENCE.name)
                return 1 / smaller if smaller else None

    def met(self, results: Results) -> bool | None:
        """Whether it is; None where nothing was measured."""
        value = self.reached(results)
        if value is None:
            return None
        if self.kind in (Kind.TIMES_NODE, Kind.OF_COMMITS):
            return value >= self.bound
        return value <= self.bound


def _times(figure: str, redis: float, sqlite: float, aim: float | None = None) -> Iterable[Target]:
    """Both engines, SQLite at FULL."""
    yield Target(figure, REDIS, Kind.TIMES_NODE, redis, aim)
    yield Target(figure, FULL, Kind.TIMES_NODE, sqlite)


def _at_most(figure: str, bound: float, *contestants: str) -> Iterable[Target]:
    return (Target(figure, name, Kind.AT_MOST, bound) for name in contestants or (REDIS, FULL))


TARGETS: Final = (
    *_times("drain", 2.5, 2.5),
    *_times("drain_kept", 2.5, 2.5),
    *_times("drain_two", 4, 2),
    Target("drain_one", REDIS, Kind.TIMES_NODE, 1.5, 2),
    Target("drain_one", FULL, Kind.OF_COMMITS, 0.8),
    Target("drain_one", NORMAL, Kind.TIMES_NODE, 2),
    Target("add", REDIS, Kind.TIMES_NODE, 1.5, 2),
    Target("add", FULL, Kind.OF_COMMITS, 0.8),
    Target("add", NORMAL, Kind.TIMES_NODE, 3),
    *_times("together", 6, 6),
    *_times("bulk", 5, 5),
    *_times("trees_added", 4, 4),
    *_times("trees_done", 3, 3),
    *_times("chains", 3, 3),
    *_at_most("idle_p50", 1.0),
    *_at_most("idle_p99", 3.0),
    *_at_most("apart_p50", 3.0, FULL),
    *_at_most("apart_p99", 10.0, FULL),
    *_at_most("apart_p50", 1.0, REDIS),
    *_at_most("apart_p99", 3.0, REDIS),
    *_at_most("idle_chain", 3.0),
    Target("bytes", REDIS, Kind.AT_MOST_NODE, 1.1),
    *_at_most("bytes", 400, FULL),
    *_at_most("memory", 35),
    *_at_most("import", 0.2),
    *_at_most("growth", 1.5),
    *_at_most("children", 1.5),
)
"""`children` is to be flat; up to half more is taken for that, as for `growth`."""
