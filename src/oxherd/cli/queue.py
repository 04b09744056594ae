"""`oxherd queue`: lists queues."""

from __future__ import annotations

import click

from oxherd.cli.document import print_json
from oxherd.cli.settings import Settings, json_option, settings_options
from oxherd.cli.table import Cell, Line, aligned, echo
from oxherd.cli.tree import MARKS
from oxherd.domain.lifecycle import State
from oxherd.runtime.queue import Queue
from oxherd.store import Store


@click.group()
def queue() -> None:
    """Look at queues."""


@queue.command()
@json_option
@settings_options
def ls(*, as_json: bool, settings: Settings) -> None:
    """List the queues, with how many jobs are in each state."""

    async def use(store: Store) -> list[tuple[str, dict[str, int], bool]]:
        return [
            (name, await own.get_job_counts(), await own.is_paused())
            for name in await store.queues()
            for own in [Queue(name, store=store)]
        ]

    found = settings.with_store(use)
    if as_json:
        for name, counts, paused in found:
            print_json({"queue": name, "paused": paused, "counts": counts})
    elif found:
        echo(_table(found))
    else:
        click.echo(f"There are no queues in {settings.address}.")


def _table(found: list[tuple[str, dict[str, int], bool]]) -> list[Line]:
    rows: list[Line] = [
        [Cell("queue", "dim"), *(Cell(state.value, "dim") for state in State), Cell("")]
    ]
    for name, counts, paused in found:
        numbers = [
            Cell(str(number), MARKS[State(state)].style) if number else Cell("·", "dim")
            for state, number in counts.items()
        ]
        rows.append([Cell(name), *numbers, Cell("paused" if paused else "", "yellow")])
    return [*aligned(rows, right=frozenset(range(1, len(State) + 1)))]
