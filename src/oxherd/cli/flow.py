"""`oxherd flow`: adds flows and shows them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import IO, Any, Final

import click

from oxherd.cli.document import print_json, stored
from oxherd.cli.exits import Exit
from oxherd.cli.screen import Screen
from oxherd.cli.search import queue_of
from oxherd.cli.settings import Settings, json_option, settings_options
from oxherd.cli.table import Line, echo
from oxherd.cli.tree import count, draw
from oxherd.domain.codec import decode
from oxherd.domain.errors import InvalidFlow, JobFailed, NotSerializable
from oxherd.domain.lifecycle import State
from oxherd.runtime.clock import monotonic, wall_ms
from oxherd.runtime.flow import JobNode, read_tree
from oxherd.runtime.flow_producer import FlowProducer
from oxherd.runtime.waiting import doomed, wait_until_finished
from oxherd.store import Store

_LOOK_AGAIN: Final = 0.3
"""Seconds between two looks at a flow that is watched."""

_LAST_CHANCE: Final = 2.0
"""Seconds that a worker has to fail a root that is about to fail, before it is told as failed."""


@click.group()
def flow() -> None:
    """Add flows and look at them."""


@flow.command()
@click.argument("file", type=click.File("rb"))
@json_option
@settings_options
def add(file: IO[bytes], *, as_json: bool, settings: Settings) -> None:
    """Add the flows in a JSON file (- for stdin), all of them or none.

    A flow is an object with name, queueName, data, opts and children, in BullMQ's names; the file
    has one or an array of them. Prints the id and the queue of each root.
    """
    flows = _read(file)
    nodes = settings.with_store(lambda store: FlowProducer(store=store).add_bulk(flows))
    for node in nodes:
        size = sum(1 for _ in node.walk())
        if as_json:
            print_json({"id": node.job.id, "queue": node.job.queue_name, "jobs": size})
        else:
            click.echo(f"{node.job.id}  {node.job.queue_name}")


@flow.command()
@click.argument("job_id", metavar="ID")
@click.option("-q", "--queue", help="The root's queue; searched unless given.")
@click.option("-w", "--watch", is_flag=True, help="Follow the flow until its root has ended.")
@json_option
@settings_options
def show(job_id: str, *, queue: str | None, watch: bool, as_json: bool, settings: Settings) -> None:
    """Show a job and everything below it as a tree.

    With --watch the tree lives until the root has ended; the exit code is 5 when it failed.
    """

    async def use(store: Store) -> Exit:
        found = await queue_of(store, job_id, queue, settings.address)
        if watch:
            return await _watch(store, found, job_id, as_json=as_json)
        root = await FlowProducer(store=store).get_flow(job_id, found)
        if as_json:
            print_json(document(root))
        else:
            echo(draw(root, wall_ms()))
        return Exit.OK

    code = settings.with_store(use)
    if code:
        raise click.exceptions.Exit(code)


def document(root: JobNode) -> dict[str, Any]:
    """The flow as a JSON value; flat, since a tree may be deep and a job may have many parents."""
    jobs = [
        {
            "key": node.job.key,
            **stored(node.job, node.state),
            "children": [child.job.key for child in node.children] + node.missing,
        }
        for node in root.walk()
    ]
    counts = count(root)
    return {
        "root": root.job.key,
        "counts": {state.value: counts[state] for state in State},
        "jobs": jobs,
    }


async def _watch(store: Store, queue: str, job_id: str, *, as_json: bool) -> Exit:
    """Show the flow until its root has ended; its failure is an exit code."""
    last: object = None
    tree: JobNode | None = None
    with Screen() as screen:
        until: float | None = None
        while True:
            started = monotonic()
            seen = await read_tree(store, queue, job_id)
            if seen is None:
                break
            tree = seen
            ended = tree.state in (State.COMPLETED, State.FAILED)
            if not ended and until is None and await _is_doomed(store, queue, job_id):
                until = started + _LAST_CHANCE
            over = ended or (until is not None and started >= until)
            if as_json:
                last = _print_new(tree, last)
            else:
                screen.show(_drawing(tree), last=over)
            if over:
                return Exit.OK if tree.state is State.COMPLETED else Exit.JOB_FAILED
            took = monotonic() - started
            await asyncio.sleep(max(_LOOK_AGAIN, 5 * took))
    return await _gone(store, queue, job_id)


async def _is_doomed(store: Store, queue: str, job_id: str) -> bool:
    record = (await store.jobs(queue, [job_id]))[0]
    return record is not None and await doomed(store, record) is not None


async def _gone(store: Store, queue: str, job_id: str) -> Exit:
    """The root is not kept: the events tell how it ended."""
    try:
        await wait_until_finished(store, queue, job_id, None)
    except JobFailed as error:
        click.echo(f"not kept; it failed: {error.reason}", err=True)
        return Exit.JOB_FAILED
    click.echo("not kept; it completed", err=True)
    return Exit.OK


def _drawing(tree: JobNode) -> list[Line]:
    return [*draw(tree, wall_ms())]


def _print_new(tree: JobNode, last: object) -> object:
    value = document(tree)
    if value != last:
        print_json(value)
    return value


def _read(file: IO[bytes]) -> list[Mapping[str, Any]]:
    try:
        value = decode(file.read())
    except NotSerializable as error:
        name = getattr(file, "name", "stdin")
        raise click.UsageError(f"{name}: {error}") from error
    flows = value if isinstance(value, list) else [value]
    for at, one in enumerate(flows):
        if not isinstance(one, Mapping):
            raise InvalidFlow(f"flows[{at}] is not an object but {one!r}")
    return flows
