"""What a contestant's program and the harness say to each other; the standard library only.

A program is started as `<interpreter> -m benchmarks.peers.<name> <mode> <url> <json>`. It prints
`ready`, waits for the line `go`, and reports JSON lines: how many jobs ended, when the last one
did (CLOCK_MONOTONIC, which all processes of a machine share), and how long jobs that carry the
time of their add had to wait.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

QUEUE: Final = "bench"
JOB: Final = "noop"
_LOOK_SECONDS: Final = 0.004

Data = dict[str, Any]


def now() -> float:
    """Seconds of the clock that all processes share."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class Contest:
    """One run of a contestant's program.

    Args:
        mode: what to do.
        url: where the jobs are.
        arguments: of the mode, by name.
    """

    def __init__(self, mode: str, url: str, arguments: Mapping[str, Any]) -> None:
        self.mode = mode
        self.url = url
        self.arguments = arguments
        self._ends: list[float] = []
        self._waits: list[float] = []

    @property
    def count(self) -> int:
        """How many jobs, trees or chains to add."""
        return int(self.arguments["count"])

    @property
    def concurrency(self) -> int:
        """How many jobs a worker runs at once."""
        return int(self.arguments.get("concurrency", 1))

    @property
    def adders(self) -> int:
        """How many add at once."""
        return int(self.arguments.get("adders", 100))

    @property
    def children(self) -> int:
        """How many children a tree has."""
        return int(self.arguments["children"])

    @property
    def length(self) -> int:
        """How many steps a chain has."""
        return int(self.arguments["length"])

    @property
    def keep(self) -> bool:
        """Whether finished jobs, or their results, stay."""
        return bool(self.arguments.get("keep", True))

    def jobs(self, count: int | None = None) -> Iterator[Data]:
        """The data of jobs."""
        return ({"n": number} for number in range(self.count if count is None else count))

    def chain(self, at: float | None = None) -> list[Data]:
        """The data of a chain's steps; the last one carries the time of the add."""
        steps: list[Data] = list(self.jobs(self.length))
        if at is not None:
            steps[-1]["at"] = at
        return steps

    def ready(self) -> None:
        """Tell that everything is built, and wait for the start."""
        _say("ready")
        if not self._told_to_go():
            sys.exit()
        threading.Thread(target=self._report, daemon=True).start()

    def ended(self, data: Mapping[str, Any]) -> None:
        """A job's processor is at its end; called from any thread."""
        at = now()
        if "at" in data:
            self._waits.append(1000 * (at - data["at"]))
        self._ends.append(at)

    def added(self) -> None:
        """Everything is added; wait until the harness has seen that."""
        _say(json.dumps({"done": self.count, "at": now(), "waited_ms": []}))
        self.hold()

    def calls(self) -> Iterator[Data]:
        """The data of one job for each time the harness says go; there a part is to be added."""
        _say("ready")
        while self._told_to_go():
            yield {"n": 0, "at": now()}

    def hold(self) -> None:
        """Wait until the harness has had enough, which ends the program."""
        sys.stdin.read()

    def one_at_a_time(self, add: Callable[[float], object], *, each: int = 1) -> None:
        """Add when everything is idle; `add` is told the time and adds `each` jobs."""
        for number in range(1, self.count + 1):
            time.sleep(_pause())
            add(now())
            while len(self._ends) < number * each:
                time.sleep(_LOOK_SECONDS)

    async def one_at_a_time_async(
        self, add: Callable[[float], Awaitable[object]], *, each: int = 1
    ) -> None:
        """The same on an event loop."""
        for number in range(1, self.count + 1):
            await asyncio.sleep(_pause())
            await add(now())
            while len(self._ends) < number * each:  # noqa: ASYNC110 - threads count too
                await asyncio.sleep(_LOOK_SECONDS)

    def _told_to_go(self) -> bool:
        return sys.stdin.readline().strip() == "go"

    def _report(self) -> None:
        told = 0
        waits = 0
        while True:
            time.sleep(float(self.arguments.get("every", 0.05)))
            done = len(self._ends)
            if done == told:
                continue
            told = done
            waited = self._waits[waits:]
            waits += len(waited)
            _say(json.dumps({"done": done, "at": self._ends[done - 1], "waited_ms": waited}))


@cache
def contest() -> Contest:
    """What the command line says; one object for the whole program."""
    mode, url, arguments = sys.argv[1:4]
    return Contest(mode, url, json.loads(arguments))


def run(modes: Mapping[str, Callable[[Contest], object]]) -> None:
    """Do what the command line says, on an event loop if it is a coroutine function."""
    given = contest()
    answer = modes[given.mode](given)
    if asyncio.iscoroutine(answer):
        asyncio.run(answer)


def _pause() -> float:
    """Not always the same, so that a poller is met at any point of its pause."""
    return random.uniform(0.002, 0.008)


def _say(line: str) -> None:
    print(line, flush=True)
