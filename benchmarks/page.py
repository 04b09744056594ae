"""The page of the documentation that is printed from the last run that was kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from benchmarks import tables
from benchmarks.contestants import OURS, PEERS, REFERENCE, Contestant
from benchmarks.results import LATEST, Results

_HOW: Final = f"""
`make bench-peers` installs every peer, in the version below, into an environment of its own, and
measures all of them on one machine and one server that it starts itself.

In each round all contestants do the same work one after another, on an empty store, and each round
begins with another one and every second one goes backwards.

A ratio is that to BullMQ on Node in the same round; what is shown is the median of the rounds.

A job has the data `{{"n": 1}}`, and its processor returns at once, so all that is measured is the
queue; calls for many have 10,000.

A drain counts from the word to start, the worker being built and connected, to the end of the last
processor; the jobs were added before.

How many jobs, trees or chains a measure has follows from a try before the first round, so that it
takes about a second; Oxherd's take two, and BullMQ's on Node are larger still, since its code is
compiled while it runs and is slower before.

The concurrency is the fastest of a few, and of worker processes there is one unless the row says
two.

Results are removed where the row says so and at concurrency 1; flows keep theirs.

Latencies are from just before the add to the start of the processor, with nothing else to do; for
chains, to the last step's; the first 30 are not counted.

Bytes are those of the whole key space (`MEMORY USAGE` of every key) or of the file, for 10,000
equal jobs; memory is that of a fresh worker after a second without work.

The machine's transactions are single rows written by SQLite alone, which is what durable adds one
by one can reach at most.

Redis here writes nothing to its disk, while SQLite without `normal` has every change on the disk
before its caller goes on.

What a peer does not offer is “{tables.NOTHING}”; the best of a row is in bold.
"""

_OWN: Final = """
Growth compares batches of 10 claimed and finished alone with the same beside very many waiting
jobs; children are those of one parent.

A job's own cost is CPU time of the worker's process.

Its parts are found by a timer that interrupts the process at each millisecond of its CPU time, or
as often as the kernel's clock ticks: the time counts for the innermost of store (its engine, the
driver, the socket or SQLite's own thread), encoding, scheduling (the worker and the event loop) and
processor that runs then.

The server's part is the CPU time that it says it used in the same drain.

For a job's own cost nothing was to be reached; it was to be told, beside a plain coroutine call.
"""


def lines(results: Results | None = None) -> list[str]:
    """The page's text, after its title."""
    found = results or Results.read(LATEST)
    if found is None:
        return ["No run is kept yet; `make bench-peers` makes one."]
    present = [one for one in (*OURS, *PEERS) if one.name in found.concurrencies]
    compared = any(one is REFERENCE for one in present)
    return [
        *_sentences(_HOW),
        "",
        *_facts(found),
        "",
        *(_section("How many times as fast as BullMQ on Node", tables.ratios(found, present))
          if compared else ()),
        *_section("The figures themselves", tables.absolutes(found, present)),
        *_section("Oxherd alone", _alone(found, present)),
        *_section("What was to be reached", tables.bounds(found, present)),
        *_section("Versions and tuning", tables.table(
            ["", "versions", "concurrency", "tuning"],
            [_row(found, one) for one in present],
            text=True,
        )),
        *_failures(found),
    ]  # fmt: skip


def _sentences(text: str) -> list[str]:
    """One a line."""
    return [" ".join(part.split()) for part in text.strip().split("\n\n")]


def _section(title: str, text: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *text, ""]


def _facts(results: Results) -> list[str]:
    rows = [*results.facts.items(), ("rounds", f"{results.rounds}"), ("day", results.day)]
    return tables.table(["", "measured on"], rows, text=True)


def _alone(results: Results, present: Sequence[Contestant]) -> list[str]:
    sizes = results.sizes.get(OURS[0].name, {})
    many: list[str] = []
    if "growth" in sizes and "children" in sizes:
        many = [f"Very many are {sizes['growth']:,} jobs, or {sizes['children']:,} children."]
    return [*_sentences(_OWN), *many, "", *tables.own(results, present)]


def _row(results: Results, one: Contestant) -> list[str]:
    versions = ", ".join(f"{name} {text}" for name, text in results.versions[one.name].items())
    return [one.title, versions, f"{results.concurrencies[one.name]}", one.tuning]


def _failures(results: Results) -> list[str]:
    if not results.failures:
        return []
    return _section("What failed", [f"- {text}" for text in results.failures])
