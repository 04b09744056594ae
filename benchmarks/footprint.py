"""What jobs and workers take up, and how long the import of the package takes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from benchmarks.contestants import Contestant, Engine

if TYPE_CHECKING:
    from benchmarks.arena import Arena
    from benchmarks.works import Load

_SETTLE_SECONDS: Final = 1.0
_PAGE: Final = 1_000
_IMPORT: Final = (
    "from time import perf_counter; start = perf_counter(); import oxherd;"
    " print(perf_counter() - start)"
)


def waiting(arena: Arena, contestant: Contestant, load: Load) -> Mapping[str, float]:
    """Bytes for each of many waiting jobs, of the whole key space or file."""
    url = arena.fresh(contestant)
    arena.add(contestant, "load", url, load.size, keep=False)
    if contestant.engine is Engine.REDIS:
        return {"bytes": _key_space(arena) / load.size}
    total = sum(path.stat().st_size for path in arena.folder.glob("jobs-*.db*"))
    return {"bytes": total / load.size}


def memory(arena: Arena, contestant: Contestant, load: Load) -> Mapping[str, float]:
    """The resident memory of a worker that just started and has nothing to do."""
    url = arena.fresh(contestant)
    with arena.program(contestant, "work", url, concurrency=load.size, keep=True) as worker:
        worker.go()
        time.sleep(_SETTLE_SECONDS)
        lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
    told = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
    return {"memory": int(told["VmRSS"].split()[0]) / 1024}


def imported(_arena: Arena, _contestant: Contestant, load: Load) -> Mapping[str, float]:
    """The median of some fresh interpreters."""
    times = [
        float(
            subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, check=True).stdout
        )
        for _ in range(load.size)
    ]
    return {"import": statistics.median(times)}


def _key_space(arena: Arena) -> int:
    """What MEMORY USAGE says of all keys, looking at every member."""
    total = 0
    with arena.redis() as client:
        keys = list(client.scan_iter(count=_PAGE))
        for start in range(0, len(keys), _PAGE):
            pipeline = cast("Any", client.pipeline(transaction=False))
            for key in keys[start : start + _PAGE]:
                pipeline.memory_usage(key, samples=0)
            total += sum(pipeline.execute())
    return total
