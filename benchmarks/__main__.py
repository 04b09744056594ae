"""`make bench`: one table of figures, on a SQLite file and on a Redis of its own."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.servers import RedisServer, start_redis

from benchmarks.measures import MEASURES, Measure, fresh

Results = dict[str, dict[str, list[float]]]
"""Rounds by figure by engine."""

ENGINES: Final = ("sqlite", "sqlite-normal", "redis")


def main() -> None:
    chosen = _arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oxherd-bench-")))
        server = stack.enter_context(_redis(folder)) if "redis" in chosen.engine else None
        facts = _facts(server)
        results: Results = {engine: defaultdict(list) for engine in chosen.engine}
        for number in range(chosen.rounds):
            for engine in chosen.engine:
                url = _url(engine, folder / f"{engine}-{number}.db", server)
                for measure in _measures(chosen.only):
                    for name, value in asyncio.run(_run(measure, fresh(url))).items():
                        results[engine][name].append(value)
                        _say(f"round {number + 1}, {engine}: {name} {value:,.2f}")
    _say("")
    print(_table(results, facts))
    if chosen.json:
        chosen.json.write_text(json.dumps({"facts": facts, "results": results}, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="medians are shown")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="all unless given")
    parser.add_argument("--only", default="", help="a part of a measure's name")
    parser.add_argument("--json", type=Path, help="a file for all rounds")
    chosen = parser.parse_args()
    chosen.engine = chosen.engine or list(ENGINES)
    return chosen


def _measures(part: str) -> list[Measure]:
    return [measure for measure in MEASURES if part in measure.__name__]


async def _run(measure: Measure, url: str) -> dict[str, float]:
    return await measure(url)


def _url(engine: str, path: Path, server: RedisServer | None) -> str:
    if server is not None and engine == "redis":
        return server.url
    return f"sqlite:///{path}" + ("?durability=normal" if engine == "sqlite-normal" else "")


@contextmanager
def _redis(folder: Path) -> Generator[RedisServer]:
    server = start_redis(folder / "redis")
    try:
        yield server
    finally:
        server.stop()


def _facts(server: RedisServer | None) -> dict[str, str]:
    facts = {
        "machine": f"{os.cpu_count()} x {_processor()}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "oxherd": version("oxherd"),
        "sqlite": sqlite3.sqlite_version,
    }
    if server is not None:
        facts["redis-py"] = version("redis")
        facts["server"] = _server_version(server)
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _server_version(server: RedisServer) -> str:
    if not server.owned:
        return "not ours"
    answer = subprocess.run(
        [server.command[0], "--version"], capture_output=True, text=True, check=True
    )
    return " ".join(answer.stdout.split()[:3])


def _table(results: Results, facts: dict[str, str]) -> str:
    engines = list(results)
    names = list(dict.fromkeys(name for figures in results.values() for name in figures))
    lines = [" · ".join(f"{name} {value}" for name, value in facts.items()), ""]
    lines += ["| | " + " | ".join(engines) + " |", "| --- |" + " ---: |" * len(engines)]
    for name in names:
        cells = [_cell(results[engine].get(name, [])) for engine in engines]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(rounds: list[float]) -> str:
    if not rounds:
        return ""
    middle = statistics.median(rounds)
    return f"{middle:,.0f}" if middle >= 100 else f"{middle:.2f}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
