"""What a job costs by itself: CPU time of the worker's process, and where it goes.

A timer of the process's own CPU time (`ITIMER_PROF`) interrupts a drain every millisecond; each
time counts for the innermost part of Oxherd that runs then, or for scheduling if it is the event
loop by itself. SQLite has a thread of its own: while the main thread only waits for events, the
time is that thread's.
"""

from __future__ import annotations

import asyncio
import gc
import selectors
import signal
import time
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import oxherd
from benchmarks.contestants import Contestant, Engine
from benchmarks.growth import fill
from benchmarks.peers.contest import QUEUE
from benchmarks.program import DONE_SECONDS
from oxherd import Job, Queue, Worker, WorkerOptions

if TYPE_CHECKING:
    from benchmarks.arena import Arena
    from benchmarks.works import Load

_TICK_SECONDS: Final = 0.001
_CALLS: Final = 200_000
_PACKAGE: Final = str(Path(oxherd.__file__).parent)
_ENCODING: Final = frozenset(
    {"codec.py", "option_wire.py", "rows.py", "schedule_rows.py", "schedule_wire.py", "wire.py"}
)
_DRIVERS: Final = ("/redis/", "/hiredis/", "/sqlite3/")
_SOCKETS: Final = ("_read_ready", "_write_ready")
"""Where the event loop reads and writes what the store sends and gets."""

_PARTS: Final = ("store", "encoding", "scheduling", "user")


def of_a_job(arena: Arena, contestant: Contestant, load: Load) -> Mapping[str, float]:
    """A typical job: small data, a result, kept; as many at once as drains fastest."""
    url = arena.fresh(contestant)
    counts: Counter[str] = Counter()
    asyncio.run(_fill(url, load.size))
    served = _server_seconds(arena)
    seconds = asyncio.run(_drain(url, load, counts))
    served = _server_seconds(arena) - served
    micro = 1e6 * seconds / load.size
    total = max(1, counts.total())
    figures = {f"cost_{part}": micro * counts[part] / total for part in _PARTS}
    figures |= {"cost": micro, "plain": asyncio.run(_plain())}
    if contestant.engine is Engine.REDIS:
        figures["cost_server"] = 1e6 * served / load.size
    return figures


async def _noop(job: Job[Any, Any]) -> int:
    return int(job.data["n"])


async def _fill(url: str, count: int) -> None:
    async with Queue(QUEUE, store=url) as queue:
        await fill(queue, count)


async def _drain(url: str, load: Load, counts: Counter[str]) -> float:
    left = load.size
    done = asyncio.Event()

    def completed(*_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    options = WorkerOptions(concurrency=load.concurrency, autorun=False)
    worker = Worker(QUEUE, _noop, store=url, options=options)
    worker.on("completed", completed)
    gc.collect()
    start = time.process_time()
    with _sampling(counts, "scheduling" if url.startswith("redis") else "store"):
        async with worker:
            await asyncio.wait_for(done.wait(), DONE_SECONDS)
            return time.process_time() - start


async def _plain() -> float:
    """Microseconds of `await noop(job)` and nothing else."""

    async def noop(data: dict[str, int]) -> int:
        return int(data["n"])

    data = {"n": 1}
    start = time.process_time()
    for _ in range(_CALLS):
        await noop(data)
    return 1e6 * (time.process_time() - start) / _CALLS


@contextmanager
def _sampling(counts: Counter[str], waiting: str) -> Generator[None]:
    def sample(_number: int, frame: FrameType | None) -> None:
        counts[_part(frame, waiting)] += 1

    before = signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, _TICK_SECONDS, _TICK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _part(frame: FrameType | None, waiting: str) -> str:
    """Whose time it is, from the innermost frame outwards; `waiting` in the wait for events."""
    while frame is not None:
        code = frame.f_code
        if code is _noop.__code__:
            return "user"
        if code.co_filename == selectors.__file__:
            return waiting
        if code.co_filename.startswith(_PACKAGE):
            return _part_of_package(Path(code.co_filename))
        if code.co_name.startswith(_SOCKETS) or any(
            driver in code.co_filename for driver in _DRIVERS
        ):
            return "store"
        frame = frame.f_back
    return "scheduling"


def _part_of_package(path: Path) -> str:
    if path.name in _ENCODING:
        return "encoding"
    return "store" if "engines" in path.parts else "scheduling"


def _server_seconds(arena: Arena) -> float:
    with arena.redis() as client:
        told: Any = client.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])
