"""`oxherd events`: prints what happened, and follows what happens."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

import click
import msgspec

from oxherd.cli.document import print_json
from oxherd.cli.moment import moment
from oxherd.cli.settings import Settings, json_option, settings_options
from oxherd.cli.table import Cell, padded, printable, text_of
from oxherd.domain.events import Completed, Event, Failed, JobEvent, Stalled, Unknown
from oxherd.domain.names import check_queue_name
from oxherd.runtime.queue_events import QueueEvents
from oxherd.store import EventLog, Store

_PAGE: Final = 1_000
_NEW_QUEUES: Final = 1.0
"""Seconds between two looks for queues that are new."""

_WIDTHS: Final = (16, 18, 20)
_KNOWN: Final = frozenset({"id", "queue", "job_id"})


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Print new events as they come, until Ctrl-C.")
@click.option("-q", "--queue", multiple=True, help="Only this queue; may be repeated.")
@json_option
@settings_options
def events(queue: Sequence[str], *, follow: bool, as_json: bool, settings: Settings) -> None:
    """Print what happened, or with -f what happens.

    Without -f these are the events that are stored, queue by queue.
    """
    for name in queue:
        check_queue_name(name)

    async def use(store: Store) -> None:
        if follow:
            await _follow(store, queue, as_json=as_json)
            return
        for name in queue or await store.queues():
            await _print_stored(store, name, as_json=as_json)

    settings.with_store(use)


async def _print_stored(store: EventLog, queue: str, *, as_json: bool) -> None:
    cursor = "0"
    while True:
        page = await store.read_events(queue, cursor, limit=_PAGE)
        if not page.events:
            return
        cursor = page.cursor
        for event in page.events:
            _print(event, as_json=as_json)


async def _follow(store: Store, queues: Sequence[str], *, as_json: bool) -> None:
    """Follow the given queues, or all there are and all that come, until a signal."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    followed: dict[str, asyncio.Task[None]] = {}
    stopping = asyncio.ensure_future(stop.wait())
    first = True
    try:
        while not stop.is_set():
            for name in queues or await store.queues():
                if name not in followed:
                    cursor = None if first else "0"
                    reading = _print_new(store, name, cursor, as_json=as_json)
                    followed[name] = asyncio.ensure_future(reading)
            first = False
            done, _ = await asyncio.wait(
                [stopping, *followed.values()],
                timeout=None if queues else _NEW_QUEUES,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done - {stopping}:
                task.result()
    finally:
        for task in (stopping, *followed.values()):
            task.cancel()
        await asyncio.gather(stopping, *followed.values(), return_exceptions=True)


async def _print_new(store: Store, queue: str, cursor: str | None, *, as_json: bool) -> None:
    async with QueueEvents(queue, store=store, last_event_id=cursor) as reader:
        reader.on("trimmed", lambda: click.echo(f"events of {queue} were lost", err=True))
        async for event in reader:
            _print(event, as_json=as_json)


def _print(event: Event, *, as_json: bool) -> None:
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    name = event.name if isinstance(event, Unknown) else str(event.kind)
    if as_json:
        print_json({"event": name, **_plain(values)})
        return
    job_id = event.job_id if isinstance(event, JobEvent) else ""
    queue, kind, subject = (
        padded(printable(text), width)
        for text, width in zip((event.queue, name, job_id), _WIDTHS, strict=True)
    )
    details = "  ".join(
        _detail(key, value)
        for key, value in values.items()
        if key not in _KNOWN and value is not None
    )
    line = [
        Cell(f"{queue}  "), Cell(f"{kind}  ", _style(event)), Cell(f"{subject}  "),
        Cell(details, "dim"),
    ]  # fmt: skip
    click.echo(text_of(line))


def _detail(key: str, value: Any) -> str:
    match key:
        case "prev":
            return f"← {value}"
        case "returnvalue" | "data" | "values":
            return msgspec.json.encode(_plain(value)).decode()
        case "delay":
            return f"until {moment(value)}"
        case "name" | "failed_reason":
            return str(value).partition("\n")[0]
        case _:
            return f"{key}={value}"


def _plain(value: Any) -> Any:
    """Mappings of an event are read-only views, which no encoder knows."""
    if isinstance(value, dict) or hasattr(value, "keys"):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _style(event: Event) -> str:
    match event:
        case Completed():
            return "green"
        case Failed():
            return "red"
        case Stalled():
            return "yellow"
        case _:
            return ""
