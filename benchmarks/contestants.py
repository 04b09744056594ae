"""Who is measured: the environment, the program, what it can do, and how it is tuned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

ADDS: Final = frozenset({"add", "together", "load", "trickle", "work", "idle"})
CHAINS: Final = frozenset({"chains", "idle_chains"})
FLOWS: Final = CHAINS | {"trees"}
BULK: Final = frozenset({"bulk"})
OWN: Final = frozenset({"own"})
COMMITS: Final = frozenset({"commits"})


class Engine(Enum):
    """Where the jobs are; a parameter of the URL."""

    REDIS = "redis"
    SQLITE = "sqlite"
    SQLITE_NORMAL = "sqlite normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One column of the tables.

    Args:
        name: what the results call it.
        title: what the tables call it.
        environment: the folder of `.bench` with its packages; none for the harness's own.
        program: the module of `benchmarks.peers`, or the file for Node.
        packages: whose versions are told.
        modes: what the program can do.
        concurrencies: of which the fastest is taken.
        engine: where its jobs are.
        seconds: about how long a measure should take. Where code is compiled while it runs, and
            the try that the size follows is slow by that, it is several times that of others.
        arguments: passed to the program in every mode.
        tuning: what was chosen, and why.
    """

    name: str
    title: str
    environment: str = ""
    program: str
    packages: tuple[str, ...]
    modes: frozenset[str]
    concurrencies: tuple[int, ...]
    engine: Engine = Engine.REDIS
    seconds: float = 1.0
    arguments: Mapping[str, str] = field(default_factory=dict[str, str])
    tuning: str = ""

    @property
    def ours(self) -> bool:
        """Whether it is Oxherd by its own door."""
        return "own" in self.modes


_OUR_SECONDS: Final = 2.0
_COMPILED_SECONDS: Final = 5.0
_ASYNC: Final = (20, 50, 100, 200)
_THREADS: Final = (2, 8, 32)

REFERENCE: Final = Contestant(
    name="bullmq-node",
    title="BullMQ, Node",
    environment="node",
    program="bullmq.cjs",
    packages=("bullmq", "ioredis"),
    modes=ADDS | BULK | FLOWS,
    concurrencies=_ASYNC,
    seconds=_COMPILED_SECONDS,
    tuning="With its native msgpackr; the worker's own connection, as always.",
)
"""All ratios are to this one, in the same round."""

OURS: Final = (
    Contestant(
        name="oxherd-redis",
        title="Oxherd, Redis",
        program="oxherd",
        packages=("oxherd", "redis", "hiredis"),
        modes=ADDS | BULK | FLOWS | OWN,
        concurrencies=_ASYNC,
        seconds=_OUR_SECONDS,
        tuning="As it is installed.",
    ),
    Contestant(
        name="oxherd-sqlite",
        title="Oxherd, SQLite",
        program="oxherd",
        packages=("oxherd",),
        modes=ADDS | BULK | FLOWS | OWN | COMMITS,
        concurrencies=_ASYNC,
        engine=Engine.SQLITE,
        seconds=_OUR_SECONDS,
        tuning="As it is installed: every change is on the disk before its caller goes on.",
    ),
    Contestant(
        name="oxherd-sqlite-normal",
        title="Oxherd, SQLite, normal",
        program="oxherd",
        packages=("oxherd",),
        modes=ADDS | BULK | FLOWS | OWN,
        concurrencies=_ASYNC,
        engine=Engine.SQLITE_NORMAL,
        seconds=_OUR_SECONDS,
        tuning="`?durability=normal`.",
    ),
)

PEERS: Final = (
    REFERENCE,
    Contestant(
        name="oxherd-bullmq",
        title="`oxherd.bullmq`",
        program="bullmq",
        packages=("oxherd", "redis", "hiredis"),
        modes=ADDS | BULK | FLOWS,
        concurrencies=_ASYNC,
        arguments={"package": "oxherd.bullmq"},
        tuning="The drop-in, with the program of BullMQ's Python package.",
    ),
    Contestant(
        name="bullmq-python",
        title="BullMQ, Python",
        environment="bullmq",
        program="bullmq",
        packages=("bullmq", "redis", "hiredis"),
        modes=ADDS | BULK | FLOWS,
        concurrencies=_ASYNC,
        tuning="With hiredis.",
    ),
    Contestant(
        name="celery",
        title="Celery",
        environment="celery",
        program="celery",
        packages=("celery", "kombu", "redis", "hiredis"),
        modes=ADDS | FLOWS,
        concurrencies=(1, *_THREADS),
        tuning=(
            "One process: the solo pool, or that of threads (a pool of processes is several);"
            " prefetch multiplier 64, as its manual advises for short tasks; no gossip, mingle or"
            " heartbeat; the worker has started before it is given the queue."
        ),
    ),
    Contestant(
        name="dramatiq",
        title="Dramatiq",
        environment="dramatiq",
        program="dramatiq",
        packages=("dramatiq", "redis", "hiredis"),
        modes=ADDS | FLOWS,
        concurrencies=(1, *_THREADS),
        tuning="Threads; trees are groups with a completion callback, chains are pipelines.",
    ),
    Contestant(
        name="rq",
        title="RQ",
        environment="rq",
        program="rq",
        packages=("rq", "redis", "hiredis"),
        modes=ADDS | BULK | FLOWS,
        concurrencies=(1,),
        tuning="`SimpleWorker`, which does not fork for each job; one job at a time is all it has.",
    ),
    Contestant(
        name="arq",
        title="arq",
        environment="arq",
        program="arq",
        packages=("arq", "redis", "hiredis"),
        modes=ADDS,
        concurrencies=_ASYNC,
        tuning="A poll every millisecond instead of every 500, which is faster in every row.",
    ),
    Contestant(
        name="saq",
        title="SAQ",
        environment="saq",
        program="saq",
        packages=("saq", "redis", "hiredis"),
        modes=ADDS,
        concurrencies=_ASYNC,
        tuning="With hiredis.",
    ),
    Contestant(
        name="taskiq",
        title="Taskiq",
        environment="taskiq",
        program="taskiq",
        packages=("taskiq", "taskiq-redis", "taskiq-pipelines", "redis", "hiredis"),
        modes=ADDS | CHAINS,
        concurrencies=_ASYNC,
        tuning="The stream broker, which acknowledges; prefetches as much as it runs.",
    ),
    Contestant(
        name="streaq",
        title="streaQ",
        environment="streaq",
        program="streaq",
        packages=("streaq", "coredis"),
        modes=ADDS | BULK | FLOWS,
        concurrencies=_ASYNC,
        tuning="As it is installed; silent tasks.",
    ),
    Contestant(
        name="huey",
        title="Huey",
        environment="huey",
        program="huey",
        packages=("huey", "redis", "hiredis"),
        modes=ADDS | FLOWS,
        concurrencies=(1, *_THREADS),
        tuning="Threads, blocking reads; trees are chords, chains are pipelines.",
    ),
)
