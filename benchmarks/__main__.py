"""`make bench` measures Oxherd on its stores; `make bench-peers` beside what others offer."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.servers import start_redis

from benchmarks import environments, machine, page
from benchmarks.arena import Arena
from benchmarks.contestants import OURS, PEERS, Contestant
from benchmarks.own import works as own_works
from benchmarks.results import LATEST, Results
from benchmarks.rounds import Match
from benchmarks.works import WORKS, Work

_SMALL: Final = 0.05


def main() -> None:
    """Measure what was asked for, print the tables, and keep a whole run."""
    chosen = _arguments()
    contestants, works = _contestants(chosen), _works(chosen)
    contestants, missing = environments.install(contestants)
    environments.FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=environments.FOLDER) as name:
        folder = Path(name)
        server = start_redis(folder / "redis", own=True)
        try:
            results = Results(
                day=time.strftime("%Y-%m-%d"),
                facts=machine.facts(server),
                versions={one.name: environments.versions(one) for one in contestants},
                rounds=chosen.rounds,
                failures=missing,
            )
            scale = _SMALL if chosen.small else 1.0
            match = Match(Arena(server, folder), contestants, works, results, scale)
            match.prepare()
            match.play()
        finally:
            server.stop()
    print("\n".join(page.lines(results)))
    whole = chosen.peers and not (chosen.small or chosen.only or chosen.contestant)
    if path := chosen.json or (LATEST if whole else None):
        results.write(path)


def _arguments() -> argparse.Namespace:
    names = [one.name for one in (*OURS, *PEERS)]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="measure the others too")
    parser.add_argument("--rounds", type=int, default=3, help="medians are shown")
    parser.add_argument("--contestant", action="append", choices=names, help="of these only")
    parser.add_argument("--only", action="append", help="a work's name; may be given again")
    parser.add_argument("--small", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--full", action="store_true", help="growth up to 1,000,000 jobs")
    parser.add_argument("--json", type=Path, help="a file for the results")
    return parser.parse_args()


def _contestants(chosen: argparse.Namespace) -> list[Contestant]:
    if chosen.contestant:
        return [one for one in (*OURS, *PEERS) if one.name in chosen.contestant]
    return [*OURS, *(PEERS if chosen.peers else ())]


def _works(chosen: argparse.Namespace) -> Sequence[Work]:
    many, family = (1_000_000, 100_000) if chosen.full else (100_000, 10_000)
    if chosen.small:
        many, family = 2_000, 100
    works = (*WORKS, *own_works(many=many, family=family))
    if not chosen.only:
        return works
    known = {work.name: work for work in works}
    if unknown := set(chosen.only) - set(known):
        sys.exit(f"no work is called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [known[name] for name in chosen.only]


if __name__ == "__main__":
    main()
